# Written by `boocontrol-sidecar uninstall`. Run it as administrator. The data folder stays.
$ErrorActionPreference = 'Stop'
$name = 'boocontrol-sidecar'
$nssm = Get-Command nssm.exe -ErrorAction SilentlyContinue
if ($nssm -and (Get-Service $name -ErrorAction SilentlyContinue)) {
  & $nssm.Source stop $name
  & $nssm.Source remove $name confirm
}
if (Get-ScheduledTask -TaskName $name -ErrorAction SilentlyContinue) {
  Stop-ScheduledTask -TaskName $name
  Unregister-ScheduledTask -TaskName $name -Confirm:$false
}
