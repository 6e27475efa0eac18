import { FixedText, fixedText } from "../bytes/fixed-text";
import { textProperty } from "../proxy/properties";

const UPSTREAM_TLS: FixedText = fixedText("upstream\0tls_version");

/**
 * Has the proxy begun TLS with nats-server itself (Istio's DestinationRule `tls`)? To be asked when nats-server has said
 * something: its handshake is over then.
 */
export function speaksTlsToServer(): bool {
  return textProperty(UPSTREAM_TLS) != "";
}
