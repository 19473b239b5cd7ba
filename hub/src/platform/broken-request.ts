import type { Socket } from "node:net"

const CAUSES: Readonly<Record<string, { status: string; code: string; message: string }>> = {
  HPE_HEADER_OVERFLOW: {
    status: "431 Request Header Fields Too Large",
    code: "headers_too_large",
    message: "The headers are larger than 16 KiB: send fewer, or put what they say into the body",
  },
  ERR_HTTP_REQUEST_TIMEOUT: {
    status: "408 Request Timeout",
    code: "too_slow",
    message: "The request did not arrive in time",
  },
}
const UNREADABLE = {
  status: "400 Bad Request",
  code: "bad_request",
  message: "This is not HTTP as it should be: the connection is closed",
}

/**
 * Answers what broke before it was a request: where it wanted to go is not known then. In the shape of `/v1`, whose
 * clients are the ones that read it.
 */
export function answerBrokenRequest(error: Error & { code?: string }, socket: Socket): void {
  if (error.code === "ECONNRESET" || !socket.writable) return void socket.destroy()
  const { status, code, message } = CAUSES[error.code ?? ""] ?? UNREADABLE
  const body = JSON.stringify({ error: { message, type: "invalid_request_error", param: null, code } })
  socket.end(
    [
      `HTTP/1.1 ${status}`,
      "content-type: application/json",
      `content-length: ${Buffer.byteLength(body)}`,
      "connection: close",
      `\r\n${body}`,
    ].join("\r\n"),
  )
}
