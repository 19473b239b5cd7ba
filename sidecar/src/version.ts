/** Version of this sidecar, as in its package. A test keeps both equal. */
export const VERSION = "0.1.0"
