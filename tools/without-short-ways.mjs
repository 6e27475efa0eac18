/**
 * A transform of the AssemblyScript compiler: takes the short ways of plain operations out of the filter, and the memory of
 * decisions. What is left does the same by the long way alone, and is the measure of what the short ways do.
 */
const SHORT_WAYS = [
  "assembly/connection/plain-publishes/passPlainPublishes",
  "assembly/connection/plain-header-publishes/passPlainHeaderPublishes",
  "assembly/connection/plain-deliveries/passPlainDeliveries",
];
/** Their third parameter is the position that they answer when they take nothing. */
const POSITION = 2;
const REMEMBERING = ["assembly/policy/decision-cache/writeDown", "assembly/policy/decision-cache/writeDownBeginning"];

export default class WithoutShortWays {
  /** The compiler has put its `binaryen` on the prototype. */
  afterCompile(module) {
    const { binaryen } = this;
    const functionOf = (name) => {
      const found = module.getFunction(name);
      if (!found) throw new Error(`The filter has no ${name} any more: see what its short ways are called now.`);
      return found;
    };
    for (const name of SHORT_WAYS) {
      binaryen.Function.setBody(functionOf(name), module.local.get(POSITION, binaryen.i32));
    }
    for (const name of REMEMBERING) binaryen.Function.setBody(functionOf(name), module.nop());
  }
}
