import { dirname } from "node:path"

export interface UnitParts {
  node: string
  program: string
  user: string
  dataDir: string
  envFile: string
  /** llama-swap's configuration, where it is to be written from the cockpit. */
  engineConfig: string | null
}

export const UNIT = "boocontrol-sidecar.service"

/** `deploy/systemd/boocontrol-sidecar.service` is this text for the usual places. */
export const USUAL: UnitParts = {
  ...{ node: "/usr/bin/node", program: "/opt/boocontrol/sidecar/sidecar.mjs", user: "boocontrol" },
  ...{ dataDir: "/var/lib/boocontrol", envFile: "/var/lib/boocontrol/sidecar.env", engineConfig: null },
}

/** A systemd unit that may do what a sidecar does and nothing else. */
export function unitText({ node, program, user, dataDir, envFile, engineConfig }: UnitParts): string {
  const writes = [`${dataDir}/spool`, ...(engineConfig === null ? [] : [dirname(engineConfig)])]
  return `# Written by \`boocontrol-sidecar install\`. What you change with \`systemctl edit\` is kept.
[Unit]
Description=BooControl sidecar: tells the hub what llama-swap and the GPUs of this machine do
Wants=network-online.target
After=network-online.target
# A hub, a NATS or a disk may be away for hours: it is tried for ever.
StartLimitIntervalSec=0

[Service]
Type=exec
User=${user}
EnvironmentFile=${pathValue(envFile)}
Environment=${word(`BOO_DATA_DIR=${dataDir}`)}
ExecStart=${word(node)} ${word(program)} run
Restart=always
RestartSec=2
# Settings that are not valid do not get better by themselves.
RestartPreventExitStatus=2
TimeoutStopSec=10
UMask=0077

ReadWritePaths=${writes.map((path) => word(`-${path}`)).join(" ")}
ProtectSystem=strict
ProtectHome=read-only
PrivateTmp=yes
NoNewPrivileges=yes
CapabilityBoundingSet=
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX AF_NETLINK
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
# Not here: PrivateDevices and ProtectClock, which take the GPUs away; MemoryDenyWriteExecute, which Node cannot bear.

[Install]
WantedBy=multi-user.target
`
}

/** One word of a command line, as systemd reads it: % and $ would be filled in. */
function word(text: string): string {
  const plain = text.replaceAll("%", "%%").replaceAll("$", "$$$$")
  return /^[\w./:@%+=,$-]+$/.test(plain) ? plain : `"${plain.replaceAll(/["\\]/g, "\\$&")}"`
}

/** A whole value that is a path: it is not split at spaces. */
function pathValue(text: string): string {
  return text.replaceAll("%", "%%")
}
