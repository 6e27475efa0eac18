import { freeConfiguration } from "../proxy/configuration";

/** The configuration that the host has given one plugin configuration (a root context) itself. */
@final
export class OwnConfiguration {
  /** The plugin's name, under which its policies are published. */
  name: string = "";
  /** Where the text lies, 0 without any; its length in bytes, and its fingerprint. */
  text: usize = 0;
  length: i32 = 0;
  fingerprint: u64 = 0;

  /** The text, as `takeConfiguration` has answered it, belongs to this object from now on. The former one is freed. */
  replace(text: usize, length: i32, fingerprint: u64): void {
    freeConfiguration(this.text);
    this.text = text;
    this.length = length;
    this.fingerprint = fingerprint;
  }
}
