/** The cards that scenarios can name: what each reports and how it behaves under load. */
export interface GpuKind {
  name: string
  architecture: string
  memoryMib: number
  powerLimitW: number
  idlePowerW: number
  maxSmMhz: number
  idleSmMhz: number
  memoryMhz: number
  /** Steady temperature at full power in a 24 C room; the fan or the chassis decides how hot it runs. */
  hotC: number
  idleC: number
  /** Passively cooled cards have no fan to report. */
  hasFan: boolean
  reportsMemoryTemperature: boolean
  pcie: { generation: number; width: number }
  mig: null | { profile: string; memoryMib: number; count: number }
}

const h100: GpuKind = {
  name: "NVIDIA H100 80GB HBM3",
  architecture: "hopper",
  memoryMib: 81559,
  powerLimitW: 700,
  idlePowerW: 71,
  maxSmMhz: 1980,
  idleSmMhz: 345,
  memoryMhz: 2619,
  hotC: 68,
  idleC: 31,
  hasFan: false,
  reportsMemoryTemperature: true,
  pcie: { generation: 5, width: 16 },
  mig: null,
}

export const GPU_KINDS = {
  "rtx-5090": {
    name: "NVIDIA GeForce RTX 5090",
    architecture: "blackwell",
    memoryMib: 32607,
    powerLimitW: 575,
    idlePowerW: 28,
    maxSmMhz: 2857,
    idleSmMhz: 180,
    memoryMhz: 14001,
    hotC: 76,
    idleC: 36,
    hasFan: true,
    reportsMemoryTemperature: false,
    pcie: { generation: 5, width: 16 },
    mig: null,
  },
  "p104-100": {
    name: "NVIDIA P104-100",
    architecture: "pascal",
    memoryMib: 8119,
    powerLimitW: 180,
    idlePowerW: 9,
    maxSmMhz: 1733,
    idleSmMhz: 139,
    memoryMhz: 5005,
    hotC: 72,
    idleC: 33,
    hasFan: true,
    reportsMemoryTemperature: false,
    pcie: { generation: 1, width: 4 },
    mig: null,
  },
  "rtx-3090": {
    name: "NVIDIA GeForce RTX 3090",
    architecture: "ampere",
    memoryMib: 24576,
    powerLimitW: 350,
    idlePowerW: 24,
    maxSmMhz: 1980,
    idleSmMhz: 210,
    memoryMhz: 9751,
    hotC: 78,
    idleC: 38,
    hasFan: true,
    reportsMemoryTemperature: false,
    pcie: { generation: 4, width: 16 },
    mig: null,
  },
  "tesla-p40": {
    name: "Tesla P40",
    architecture: "pascal",
    memoryMib: 24576,
    powerLimitW: 250,
    idlePowerW: 11,
    maxSmMhz: 1531,
    idleSmMhz: 544,
    memoryMhz: 3615,
    hotC: 84,
    idleC: 34,
    hasFan: false,
    reportsMemoryTemperature: false,
    pcie: { generation: 3, width: 16 },
    mig: null,
  },
  "h100-80": h100,
  "h100-mig": { ...h100, mig: { profile: "1g.10gb", memoryMib: 9856, count: 7 } },
} as const satisfies Record<string, GpuKind>

export type GpuKindName = keyof typeof GPU_KINDS
export const GPU_KIND_NAMES = Object.keys(GPU_KINDS) as [GpuKindName, ...GpuKindName[]]

export function gpuKind(name: GpuKindName): GpuKind {
  return GPU_KINDS[name]
}
