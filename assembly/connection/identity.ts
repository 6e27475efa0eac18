import { FixedText, fixedText } from "../bytes/fixed-text";
import { Identity, PolicyDocument } from "../policy/document";
import { Principal } from "../policy/principal";
import { textProperty } from "../proxy/properties";
import { nodeNamespace, nodeServiceAccount } from "./node";

const PEER_CERTIFICATE: FixedText = fixedText("connection\0uri_san_peer_certificate");
const PEER_PRINCIPAL: FixedText = fixedText("filter_state\0io.istio.peer_principal");

/**
 * Who the peer is, from the one source that the configuration names; none stands in for another. To be asked at the
 * first bytes of the client and not before: until then the TLS handshake may be unfinished, and the certificate reads
 * as absent (verified on Envoy 1.40).
 */
export function readIdentity(document: PolicyDocument): Principal {
  switch (document.identity) {
    case Identity.WAYPOINT:
      return document.peers.principalOf(textProperty(PEER_PRINCIPAL));
    case Identity.WORKLOAD:
      return document.peers.workloadOf(nodeNamespace(), nodeServiceAccount());
  }
  return document.peers.principalOf(textProperty(PEER_CERTIFICATE));
}
