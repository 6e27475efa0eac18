import { deployTools } from "../../tools/deploy-tools.ts";
import { messageOf } from "../../tools/fault.ts";
import { kubernetesTools } from "../../tools/kubernetes.ts";
import { nodeSuite } from "../../tools/suites/node-suite.ts";

/**
 * `npm run test:apiserver` holds the manifests, and what doctor says of them, against a real kube-apiserver over etcd, with
 * kubectl. There are no nodes and no controllers. It takes some minutes and is not part of `npm test`. Arguments are test files.
 */
async function play(files: readonly string[]): Promise<number> {
  // Before the tests, whose time is limited.
  await deployTools();
  await kubernetesTools();
  const { passed, failed } = await nodeSuite("apiserver").run((chunk) => process.stdout.write(chunk), files);
  for (const failure of failed) process.stdout.write(`✖ ${failure}\n`);
  process.stdout.write(`\n${passed} passed, ${failed.length} failed\n`);
  return failed.length === 0 && passed > 0 ? 0 : 1;
}

try {
  process.exitCode = await play(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`\n${messageOf(error)}\n`);
  process.exitCode = 1;
}
