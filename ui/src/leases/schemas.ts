import { LeaseRow } from "@boocontrol/shared/leases"
import { pageOf } from "@boocontrol/shared/http"
import "../platform/zod-setup.ts"

export { LeaseGrant } from "@boocontrol/shared/leases"
export const LeasePage = pageOf(LeaseRow)
