/** An answer with an `error` member. */
export class RpcFailure extends Error {
  name = 'RpcFailure';

  /**
   * @param {string} method
   * @param {{ code: number, message: string, data?: { reason?: string } }} error
   */
  constructor(method, error) {
    super(
      `${method}: ${error.message} (${error.code})${error.data?.reason ? `: ${error.data.reason}` : ''}`,
    );
    this.code = error.code;
    this.error = error;
  }
}
