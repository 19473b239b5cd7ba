export interface HealthPort {
  askDatabase: () => Promise<unknown>
  askNats: () => Promise<unknown>
}
