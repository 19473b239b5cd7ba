/** Why a connection that should be TLS is none, in words, with what to do about it. */
interface TlsProblem {
  readonly what: string
  readonly remedy: string
}

const TRUST = "have one of a known authority put there, or start the hub with NODE_EXTRA_CA_CERTS=<its file>"
const CLOCKS = "see that the clocks of both machines are right"
const SELF_SIGNED: TlsProblem = { what: "self-signed", remedy: TRUST }
const UNKNOWN_ISSUER: TlsProblem = { what: "nobody known here has signed it", remedy: TRUST }

/** By the codes of OpenSSL's X509_verify_cert and of Node. */
const CERTIFICATES: Readonly<Record<string, TlsProblem>> = {
  CERT_HAS_EXPIRED: { what: "expired", remedy: `have it renewed there, or ${CLOCKS}` },
  CERT_NOT_YET_VALID: { what: "not valid yet", remedy: CLOCKS },
  DEPTH_ZERO_SELF_SIGNED_CERT: SELF_SIGNED,
  SELF_SIGNED_CERT_IN_CHAIN: SELF_SIGNED,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: UNKNOWN_ISSUER,
  UNABLE_TO_GET_ISSUER_CERT: UNKNOWN_ISSUER,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: UNKNOWN_ISSUER,
  CERT_UNTRUSTED: UNKNOWN_ISSUER,
  ERR_TLS_CERT_ALTNAME_INVALID: {
    what: "for another name",
    remedy: "put the name that it is for into the address, or have this name added to it",
  },
  CERT_REVOKED: { what: "revoked", remedy: "have another one put there" },
  CERT_REJECTED: { what: "rejected", remedy: "have another one put there" },
  CERT_SIGNATURE_FAILURE: { what: "its signature is wrong", remedy: "have another one put there" },
  CERT_CHAIN_TOO_LONG: { what: "its chain is too long", remedy: "have another one put there" },
  INVALID_PURPOSE: { what: "not made for servers", remedy: "have another one put there" },
  INVALID_CA: { what: "who signed it is no authority", remedy: TRUST },
}

/** What a server says that speaks no TLS at all. */
const NOT_TLS = new Set(["ERR_SSL_WRONG_VERSION_NUMBER", "ERR_SSL_PACKET_LENGTH_TOO_LONG"])

/** Null: the failure is no matter of TLS. To ask again brings the same until somebody mends it. */
export function tlsProblem(code: string): string | null {
  const found = Object.hasOwn(CERTIFICATES, code) ? CERTIFICATES[code] : undefined
  if (found) return `its certificate is not valid here (${found.what}): ${found.remedy}`
  if (NOT_TLS.has(code))
    return "it speaks no TLS: its address should begin with http://, or have another port"
  if (code.startsWith("ERR_SSL_")) return `it and this hub agree on no TLS (${code})`
  return null
}
