import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs"
import { dirname, join } from "node:path"
import { findProgram } from "../find-program.ts"
import { run } from "../run-program.ts"

/** Unpacks Debian's or Ubuntu's package to `target`: needs no root, and installs nothing. */
export async function unpackDebianPackage(target: string): Promise<void> {
  if (findProgram("apt-get") === null || findProgram("dpkg-deb") === null)
    throw new Error("this is not Debian or Ubuntu")
  mkdirSync(dirname(target), { recursive: true })
  const work = mkdtempSync(join(dirname(target), "apt-"))
  try {
    await downloadPackage(work)
    const file = readdirSync(work).find((name) => name.endsWith(".deb"))
    if (file === undefined) throw new Error("apt-get download left no package")
    await run("dpkg-deb", ["-x", file, "unpacked"], { cwd: work })
    copyFileSync(join(work, "unpacked", "usr", "sbin", "nats-server"), target)
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}

async function downloadPackage(work: string): Promise<void> {
  try {
    await run("apt-get", ["download", "-q", "nats-server"], { cwd: work })
  } catch {
    // A slim image has no package lists, and only root may fetch the system's: these are ours.
    const own = ownLists(work)
    await run("apt-get", ["update", "-q", ...own], { cwd: work })
    await run("apt-get", ["download", "-q", ...own, "nats-server"], { cwd: work })
  }
}

function ownLists(work: string): string[] {
  for (const folder of ["lists/partial", "cache/archives/partial"])
    mkdirSync(join(work, folder), { recursive: true })
  const settings = [`Dir::State::lists=${join(work, "lists")}`, `Dir::Cache=${join(work, "cache")}`]
  // As root apt would change to a user who may not write here.
  if (process.getuid?.() === 0) settings.push("APT::Sandbox::User=root")
  return settings.flatMap((setting) => ["-o", setting])
}
