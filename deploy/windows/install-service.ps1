# Written by `boocontrol-sidecar install`. Run it as administrator.
$ErrorActionPreference = 'Stop'
$name = 'boocontrol-sidecar'
$nssm = Get-Command nssm.exe -ErrorAction SilentlyContinue
$node = 'C:\Program Files\nodejs\node.exe'
$arguments = '"C:\boocontrol\sidecar\sidecar.mjs" run --env-file "C:\ProgramData\boocontrol\sidecar.env"'
$data = 'C:\ProgramData\boocontrol'
if ($nssm) {
  & $nssm.Source install $name $node $arguments
  & $nssm.Source set $name AppDirectory $data
  & $nssm.Source set $name AppStderr 'C:\ProgramData\boocontrol\sidecar.log'
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
