import { GatewayKey } from "@boocontrol/shared/gateway"
import { Provider } from "@boocontrol/shared/hosts"
import { pageOf } from "@boocontrol/shared/http"
import "../platform/zod-setup.ts"

export { MadeGatewayKey } from "@boocontrol/shared/gateway"
export { RouteScores } from "@boocontrol/shared/routing"
export const KeysPage = pageOf(GatewayKey)
export const Providers = pageOf(Provider)
