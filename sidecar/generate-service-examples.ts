import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { USUAL, UNIT, unitText } from "./src/service/unit.ts"
import { installScript, uninstallScript, USUAL_WINDOWS } from "./src/service/windows.ts"

const deploy = join(import.meta.dirname, "../deploy")
writeFileSync(join(deploy, "systemd", UNIT), unitText(USUAL))
writeFileSync(join(deploy, "windows/install-service.ps1"), installScript(USUAL_WINDOWS))
writeFileSync(join(deploy, "windows/uninstall-service.ps1"), uninstallScript())
