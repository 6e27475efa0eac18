import { InvalidArgumentError, Option } from "commander";
import { isLabel } from "../manifests/names.ts";

/** `--output`, of both commands. */
export function outputOption(): Option {
  return new Option("-o, --output <format>", "how to write the findings").choices(["text", "json"]).default("text");
}

/** `--strict`, of both commands. */
export function strictOption(): Option {
  return new Option("--strict", "treat warnings as errors").default(false);
}

/** Empty is what a pipeline gives whose variable is not set: all objects would be in a namespace that is nobody's. */
function namespaceName(text: string): string {
  if (!isLabel(text)) throw new InvalidArgumentError("A namespace has small letters, digits and hyphens.");
  return text;
}

/** `--namespace`, of both commands. */
export function namespaceOption(): Option {
  return new Option("-n, --namespace <name>", "the namespace of objects that do not name one")
    .argParser(namespaceName)
    .default("default");
}

/** `--root-namespace`, of doctor. */
export function rootNamespaceOption(): Option {
  return new Option("--root-namespace <name>", "Istio's root namespace, whose policies apply to the whole mesh")
    .argParser(namespaceName)
    .default("istio-system");
}
