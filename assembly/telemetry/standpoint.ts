import { label, labelValue } from "./names";

/** Where this proxy stands: the values of labels that all its series have. */
@final
export class Standpoint {
  constructor(
    readonly reporter: string,
    readonly workload: string,
    readonly namespace: string,
  ) {}

  /** Are both the same? */
  isThatOf(other: Standpoint): bool {
    return this.reporter == other.reporter && this.workload == other.workload && this.namespace == other.namespace;
  }

  /** The label that comes first in a raw name. */
  get reporterLabel(): string {
    return label("reporter", this.reporter);
  }

  /** The labels of the destination. */
  get destinationLabels(): string {
    return (
      label("destination_workload", labelValue(this.workload)) +
      label("destination_workload_namespace", labelValue(this.namespace))
    );
  }
}
