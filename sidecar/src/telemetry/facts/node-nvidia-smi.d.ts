declare module "node-nvidia-smi" {
  /** Runs `nvidia-smi -q -x` from PATH; gives its XML as objects of strings. */
  export default function read(done: (error: unknown, report: unknown) => void): void
}
