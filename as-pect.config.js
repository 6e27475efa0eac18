/**
 * Stand-ins for host calls that a spec's module imports but no spec may reach: a unit has no proxy behind it.
 * @param {Uint8Array} binary
 */
function unreachableHostCalls(binary) {
  const calls = {};
  for (const { module, name, kind } of WebAssembly.Module.imports(new WebAssembly.Module(binary))) {
    if (kind !== "function" || !name.startsWith("proxy_")) continue;
    calls[module] ??= {};
    calls[module][name] = () => {
      throw new Error(`${module}.${name} was called: units run without a proxy, test this in test/host`);
    };
  }
  return calls;
}

export default {
  entries: process.env.ISTIO_NATS_SPECS ? process.env.ISTIO_NATS_SPECS.split(",") : ["test/unit/**/*.spec.ts"],
  include: ["test/unit/**/*.include.ts"],
  disclude: [/node_modules/],
  coverage: ["assembly/**/*.ts"],
  outputBinary: false,
  async instantiate(memory, createImports, instantiate, binary) {
    const hostCalls = unreachableHostCalls(binary);
    return instantiate(binary, createImports({ ...hostCalls, env: { ...hostCalls.env, memory } }));
  },
};
