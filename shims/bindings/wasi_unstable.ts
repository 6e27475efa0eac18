// @solo-io/proxy-runtime 0.1.8 imports `bindings/wasi_unstable`, which left the standard library with AssemblyScript
// 0.20. Envoy's host offers the call under its later name (proxy-wasm-cpp-host, src/exports.cc).

/** Ends the module with exit code `rval`. */
@external("wasi_snapshot_preview1", "proc_exit")
export declare function proc_exit(rval: u32): void;
