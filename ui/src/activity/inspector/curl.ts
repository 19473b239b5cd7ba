import type { StoredCapture } from "@boocontrol/shared/capture"

/** Set by whatever sends a request, or of no use in another one. */
const LEFT_OUT =
  /^(?:host|content-length|connection|accept-encoding|transfer-encoding|user-agent|sec-.*|x-forwarded-.*|x-real-ip|x-boo-request-id|origin|referer)$/i

/** A request as a command for a shell. What was taken out of it has to be filled in. */
export function curlOf(capture: StoredCapture, baseUrl: string): string {
  const headers = Object.entries(capture.req_headers).filter(([name]) => !LEFT_OUT.test(name))
  const lines = [
    `curl ${quoted(`${baseUrl.replace(/\/$/, "")}${capture.req_path ?? ""}`)}`,
    ...headers.map(([name, value]) => `-H ${quoted(`${name}: ${value}`)}`),
    ...(capture.req_body?.encoding === "text" ? [`--data-binary ${quoted(capture.req_body.text)}`] : []),
  ]
  return lines.join(" \\\n  ")
}

/** Within single quotes a shell reads nothing but the quote itself. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", String.raw`'\''`)}'`
}
