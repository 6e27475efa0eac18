import { startsWith } from "../bytes/compare";
import { FixedText, fixedText } from "../bytes/fixed-text";
import { NO_PROTOCOL_ERROR, ProtocolError } from "../telemetry/protocol-error";

/** The first byte of a TLS record that holds a handshake (RFC 8446 §5.1). */
const TLS_HANDSHAKE: u8 = 0x16;

const HTTP_STARTS: StaticArray<FixedText> = [
  fixedText("GET "),
  fixedText("HEAD "),
  fixedText("POST "),
  fixedText("PUT "),
  fixedText("OPTIONS "),
  fixedText("DELETE "),
  fixedText("PRI * HTTP/2"),
];
const PROXY_V1: FixedText = fixedText("PROXY ");
const PROXY_V2: FixedText = fixedText("\r\n\r\n\0\r\nQ");

/**
 * Which other protocol than NATS begins with the bytes from `pointer` to `end`: a ProtocolError, or NO_PROTOCOL_ERROR. Each of these
 * ends the connection anyway, since none begins an operation; recognised, they give an operator the remedy.
 */
export function foreignProtocol(pointer: usize, end: usize): i32 {
  if (pointer >= end) return NO_PROTOCOL_ERROR;
  if (load<u8>(pointer) == TLS_HANDSHAKE) return ProtocolError.TLS;
  for (let i = 0; i < HTTP_STARTS.length; i++) {
    if (startsWith(pointer, <i32>(end - pointer), unchecked(HTTP_STARTS[i]))) return ProtocolError.HTTP;
  }
  if (startsWith(pointer, <i32>(end - pointer), PROXY_V1) || startsWith(pointer, <i32>(end - pointer), PROXY_V2))
    return ProtocolError.PROXY_PROTOCOL;
  return NO_PROTOCOL_ERROR;
}
