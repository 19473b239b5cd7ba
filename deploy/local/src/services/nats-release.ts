import { createHash } from "node:crypto"
import { chmodSync, mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { run } from "../run-program.ts"

export const NATS_VERSION = "2.14.5"

interface Release {
  file: string
  sha256: string
}

/**
 * The official archives that are trusted, as the NATS project's own container files name them. A platform whose
 * checksum is not known here is not downloaded at all.
 */
export const RELEASES: Readonly<Record<string, Release>> = {
  "linux-x64": {
    file: `nats-server-v${NATS_VERSION}-linux-amd64.tar.gz`,
    sha256: "5e3b603d47c447bda1f77f9ac16dbf91c90aac4ff3681f8fbbc7201e4ed99355",
  },
  "linux-arm64": {
    file: `nats-server-v${NATS_VERSION}-linux-arm64.tar.gz`,
    sha256: "673a98d3faa79dde3f9ebf16d6dfac36a5f694e7ad2015e4954dd7939c85cd4c",
  },
  "win32-x64": {
    file: `nats-server-v${NATS_VERSION}-windows-amd64.zip`,
    sha256: "f66f840a211ab665083b88e9b7edbcf6296cda143be47e53e6f6bb8520692bbb",
  },
}

// The archive is 7 MB: slower than this is a network that does not let us through.
const DOWNLOAD_LIMIT_MS = 120_000

export interface ReleaseSource {
  platform: string
  /** The folder of the releases, with the version in it. */
  base: string
  releases: Readonly<Record<string, Release>>
}

export const OFFICIAL: ReleaseSource = {
  platform: `${process.platform}-${process.arch}`,
  base: `https://github.com/nats-io/nats-server/releases/download/v${NATS_VERSION}`,
  releases: RELEASES,
}

/** Downloads, checks and unpacks the official release to `target`; throws with the reason where it cannot. */
export async function downloadRelease(target: string, source: ReleaseSource = OFFICIAL): Promise<void> {
  const release = source.releases[source.platform]
  if (release === undefined) throw new Error(`no checksum is known for ${source.platform}`)
  const archive = await download(`${source.base}/${release.file}`)
  const sha256 = createHash("sha256").update(archive).digest("hex")
  if (sha256 !== release.sha256)
    throw new Error(
      `${release.file} has the SHA-256 ${sha256} instead of ${release.sha256}; it was thrown away`,
    )
  const work = `${target}.unpacking`
  rmSync(work, { recursive: true, force: true })
  mkdirSync(work, { recursive: true })
  try {
    writeFileSync(join(work, release.file), archive)
    // Windows brings a tar that also reads zip.
    await run("tar", ["-xf", release.file, "--strip-components=1"], { cwd: work })
    const program = join(work, process.platform === "win32" ? "nats-server.exe" : "nats-server")
    chmodSync(program, 0o755)
    renameSync(program, target)
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}

async function download(url: string): Promise<Uint8Array> {
  const response = await fetch(url, { signal: AbortSignal.timeout(DOWNLOAD_LIMIT_MS) })
  if (!response.ok) throw new Error(`${url} answered ${response.status}`)
  return new Uint8Array(await response.arrayBuffer())
}
