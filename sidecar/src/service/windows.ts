import { win32 } from "node:path"

export interface ScriptParts {
  node: string
  program: string
  envFile: string
  dataDir: string
}

/** `deploy/windows/*.ps1` are these texts for the usual places. */
export const USUAL_WINDOWS: ScriptParts = {
  ...{ node: "C:\\Program Files\\nodejs\\node.exe", program: "C:\\boocontrol\\sidecar\\sidecar.mjs" },
  ...{ envFile: "C:\\ProgramData\\boocontrol\\sidecar.env", dataDir: "C:\\ProgramData\\boocontrol" },
}

const HEAD = `$ErrorActionPreference = 'Stop'
$name = 'boocontrol-sidecar'
$nssm = Get-Command nssm.exe -ErrorAction SilentlyContinue
`

/**
 * With nssm a service that is started again when it ends; without it a task that starts with the machine. `sc.exe` alone
 * cannot: a program that does not speak the service manager's protocol is ended after 30 seconds.
 */
export function installScript({ node, program, envFile, dataDir }: ScriptParts): string {
  const run = `${inner(program)} run --env-file ${inner(envFile)}`
  return `# Written by \`boocontrol-sidecar install\`. Run it as administrator.
${HEAD}$node = ${quoted(node)}
$arguments = ${quoted(run)}
$data = ${quoted(dataDir)}
if ($nssm) {
  & $nssm.Source install $name $node $arguments
  & $nssm.Source set $name AppDirectory $data
  & $nssm.Source set $name AppStderr ${quoted(win32.join(dataDir, "sidecar.log"))}
  & $nssm.Source set $name AppRotateFiles 1
  & $nssm.Source set $name AppRotateBytes 5000000
  & $nssm.Source set $name AppRestartDelay 2000
  & $nssm.Source set $name Start SERVICE_AUTO_START
  & $nssm.Source start $name
} else {
  $action = New-ScheduledTaskAction -Execute $node -Argument $arguments -WorkingDirectory $data
  $trigger = New-ScheduledTaskTrigger -AtStartup
  $settings = New-ScheduledTaskSettingsSet -RestartCount 999 -RestartInterval (New-TimeSpan -Minutes 1) -ExecutionTimeLimit 0 -AllowStartIfOnBatteries -DontStopIfGoingOnBatteries
  Register-ScheduledTask -TaskName $name -Action $action -Trigger $trigger -Settings $settings -User 'SYSTEM' -RunLevel Highest -Force | Out-Null
  Start-ScheduledTask -TaskName $name
}
`
}

export function uninstallScript(): string {
  return `# Written by \`boocontrol-sidecar uninstall\`. Run it as administrator. The data folder stays.
${HEAD}if ($nssm -and (Get-Service $name -ErrorAction SilentlyContinue)) {
  & $nssm.Source stop $name
  & $nssm.Source remove $name confirm
}
if (Get-ScheduledTask -TaskName $name -ErrorAction SilentlyContinue) {
  Stop-ScheduledTask -TaskName $name
  Unregister-ScheduledTask -TaskName $name -Confirm:$false
}
`
}

/** PowerShell takes what stands in single quotes as it is. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", "''")}'`
}

/** A path inside the one command line that Windows hands to the program. */
function inner(path: string): string {
  return `"${path}"`
}
