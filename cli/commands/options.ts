import { Option } from "commander";

export function outputOption(): Option {
  return new Option("-o, --output <format>", "how to write the findings").choices(["text", "json"]).default("text");
}

export function strictOption(): Option {
  return new Option("--strict", "treat warnings as errors").default(false);
}

export function namespaceOption(): Option {
  return new Option("-n, --namespace <name>", "the namespace of objects that do not name one").default("default");
}
