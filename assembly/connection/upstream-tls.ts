import { FixedText } from "../bytes/fixed-text";
import { propertyPath, textProperty } from "../proxy/properties";

const UPSTREAM_TLS: FixedText = propertyPath(["upstream", "tls_version"]);

/**
 * Has the proxy begun TLS with nats-server itself (Istio's DestinationRule `tls`)? To be asked when nats-server has said
 * something: its handshake is over then.
 */
export function speaksTlsToServer(): bool {
  return textProperty(UPSTREAM_TLS) != "";
}
