/** The parts of a call of gRPC that matter here. */
interface Call {
  start(metadata: unknown, listener: Listener): void;
  cancelWithStatus(code: number, details: string): void;
}

interface Listener {
  onReceiveMessage(message: { dataHeader?: Uint8Array; dataBody?: Uint8Array }): void;
  onReceiveStatus(status: { code: number; details: string }): void;
}

/**
 * Watches over the calls of a client, which itself can neither end one nor bound its answer, and takes an answer
 * without anything in it for one without rows.
 */
export interface CallGuard {
  /** For the `interceptors` of a client of gRPC. */
  interceptor: (options: object, nextCall: (options: object) => Call) => Call;
  /** Ends what is under way. */
  cancelAll: () => void;
}

/** Codes of gRPC. */
const [ok, cancelled, resourceExhausted, dataLoss] = [0, 1, 8, 15];

/** @param most bytes of one answer */
export function createCallGuard(most: number): CallGuard {
  const underWay = new Set<Call>();
  return {
    interceptor(options, nextCall) {
      const call = nextCall(options);
      const start = call.start.bind(call);
      let bytes = 0;
      let messages = 0;
      call.start = (metadata, listener) => {
        underWay.add(call);
        start(metadata, {
          ...listener,
          onReceiveMessage(message) {
            messages += 1;
            bytes += (message.dataHeader?.length ?? 0) + (message.dataBody?.length ?? 0);
            if (bytes > most)
              call.cancelWithStatus(resourceExhausted, `Received more than ${most} bytes`);
            else listener.onReceiveMessage(message);
          },
          onReceiveStatus(status) {
            underWay.delete(call);
            // The columns at least are in any answer.
            const isNothing = status.code === ok && messages === 0;
            listener.onReceiveStatus(
              isNothing ? { ...status, code: dataLoss, details: 'an empty answer' } : status,
            );
          },
        });
      };
      return call;
    },
    cancelAll() {
      for (const call of underWay) call.cancelWithStatus(cancelled, 'given up');
    },
  };
}
