import { freeConfiguration } from "../proxy/configuration";

/** The configuration that the host has given one root context itself. */
@final
export class OwnConfiguration {
  /** Where the text lies, 0 without any; its length in bytes. */
  text: usize = 0;
  length: i32 = 0;
  /** Of the text, also once that has been let go; 0 before there was one. */
  fingerprint: u64 = 0;

  /** The text, as `takeConfiguration` has answered it, belongs to this object from now on. */
  take(text: usize, length: i32, fingerprint: u64): void {
    this.letGo();
    this.text = text;
    this.length = length;
    this.fingerprint = fingerprint;
  }

  /** The text is not needed any more: it is freed. */
  letGo(): void {
    freeConfiguration(this.text);
    this.text = 0;
    this.length = 0;
  }
}
