import { CustomChart, LineChart, ScatterChart } from "echarts/charts"
import { GridComponent, MarkAreaComponent, MarkLineComponent, TooltipComponent } from "echarts/components"
import { use } from "echarts/core"
import { CanvasRenderer } from "echarts/renderers"

// Only what the pages draw. Gauges are SVG of the kit, so that the fleet needs no chart code at all.
use([
  CanvasRenderer,
  LineChart,
  ScatterChart,
  CustomChart,
  GridComponent,
  TooltipComponent,
  MarkAreaComponent,
  MarkLineComponent,
])
