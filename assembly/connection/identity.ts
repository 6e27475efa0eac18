import { FixedText } from "../bytes/fixed-text";
import { Identity, PolicyDocument } from "../policy/document";
import { Principal } from "../policy/principal";
import { propertyPath, textProperty } from "../proxy/properties";

const PEER_CERTIFICATE: FixedText = propertyPath(["connection", "uri_san_peer_certificate"]);
const UPSTREAM_TLS: FixedText = propertyPath(["upstream", "tls_version"]);
const PEER_PRINCIPAL: FixedText = propertyPath(["filter_state", "io.istio.peer_principal"]);
const NODE_NAMESPACE: FixedText = propertyPath(["xds", "node", "metadata", "NAMESPACE"]);
const NODE_SERVICE_ACCOUNT: FixedText = propertyPath(["xds", "node", "metadata", "SERVICE_ACCOUNT"]);

/**
 * Who the peer is, from the one source that the configuration names; none stands in for another. To be asked at the
 * first bytes of the client and not before: until then the TLS handshake may be unfinished, and the certificate reads
 * as absent (verified on Envoy 1.40).
 */
export function readIdentity(document: PolicyDocument): Principal {
  switch (document.identity) {
    case Identity.WAYPOINT:
      return document.principalOf(textProperty(PEER_PRINCIPAL));
    case Identity.WORKLOAD:
      return document.workloadOf(textProperty(NODE_NAMESPACE), textProperty(NODE_SERVICE_ACCOUNT));
  }
  return document.principalOf(textProperty(PEER_CERTIFICATE));
}

/**
 * Has the proxy begun TLS with nats-server itself (Istio's DestinationRule `tls`)? To be asked when nats-server has said
 * something: its handshake is over then.
 */
export function speaksTlsToServer(): bool {
  return textProperty(UPSTREAM_TLS) != "";
}

/** The value of the label `reporter`: which side of a connection this proxy stands on (Istio's words). */
export function reporterOf(identity: Identity): string {
  switch (identity) {
    case Identity.WAYPOINT:
      return "waypoint";
    case Identity.WORKLOAD:
      return "source";
  }
  return "destination";
}
