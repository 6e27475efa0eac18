import { Option } from "commander";

export function outputOption(): Option {
  return new Option("-o, --output <format>", "how to write the findings").choices(["text", "json"]).default("text");
}

export function strictOption(): Option {
  return new Option("--strict", "let warnings count as errors").default(false);
}

export function namespaceOption(): Option {
  return new Option("-n, --namespace <name>", "the namespace of objects that name none").default("default");
}
