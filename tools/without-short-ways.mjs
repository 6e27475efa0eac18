/**
 * A transform of the AssemblyScript compiler that removes from the filter the short ways of plain operations and of refusals'
 * PONGs, and the memory of decisions. What is left does the same only by the long way, and is the measure of what the short ways
 * do.
 */

/** Each function, with the index of the parameter whose position it returns if it takes nothing. */
const SHORT_WAYS = [
  ["assembly/connection/plain-publishes/passPlainPublishes", 2],
  ["assembly/connection/plain-header-publishes/passPlainHeaderPublishes", 2],
  ["assembly/connection/plain-refusals/dropPlainPublishes", 2],
  ["assembly/connection/plain-deliveries/passPlainDeliveries", 2],
  ["assembly/connection/plain-header-deliveries/passPlainHeaderDeliveries", 2],
  ["assembly/connection/to-client/takeFurtherPongs", 1],
];
const REMEMBERING = ["assembly/policy/decision-cache/writeDown", "assembly/policy/decision-cache/writeDownBeginning"];

export default class WithoutShortWays {
  /** The compiler has put its `binaryen` on the prototype. */
  afterCompile(module) {
    const { binaryen } = this;
    const functionOf = (name) => {
      const found = module.getFunction(name);
      if (!found) throw new Error(`The filter no longer has ${name}: find out what its short ways are called now.`);
      return found;
    };
    for (const [name, position] of SHORT_WAYS) {
      binaryen.Function.setBody(functionOf(name), module.local.get(position, binaryen.i32));
    }
    for (const name of REMEMBERING) binaryen.Function.setBody(functionOf(name), module.nop());
  }
}
