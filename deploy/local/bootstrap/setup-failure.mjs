/** Something that the person who started us can mend; its message is shown without a stack. */
export class SetupFailure extends Error {
  /**
   * @param {string} message
   * @param {number} [exitCode]
   */
  constructor(message, exitCode = 1) {
    super(message)
    this.name = "SetupFailure"
    this.exitCode = exitCode
  }
}
