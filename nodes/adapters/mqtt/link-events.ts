import type { Log } from '../../core/log.ts';
import type { InboundMessage, MqttLink } from '../../core/topic/ports.ts';

type MessageListener = Parameters<MqttLink['onMessage']>[0];
type StateListener = Parameters<MqttLink['onState']>[0];
type LinkState = Parameters<StateListener>[0];

/** The listeners of an MQTT link: they come and go while its clients stay. */
export interface LinkEvents extends Pick<MqttLink, 'onMessage' | 'onState'> {
  /** Hands a message to every listener; settles it at once when there is none. */
  deliver(message: InboundMessage): void;
  setState(state: LinkState): void;
  /** Forgets all listeners. */
  close(): void;
}

export function createLinkEvents(initial: LinkState, log: Log): LinkEvents {
  const messageListeners = new Set<MessageListener>();
  const stateListeners = new Set<StateListener>();
  let state = initial;

  return {
    onMessage(listener) {
      messageListeners.add(listener);
      return () => messageListeners.delete(listener);
    },
    onState(listener) {
      stateListeners.add(listener);
      listener(state);
      return () => stateListeners.delete(listener);
    },
    deliver(message) {
      if (messageListeners.size === 0) {
        message.settle();
        return;
      }
      for (const listener of messageListeners) {
        try {
          listener(message);
        } catch (error) {
          log.error(`a listener failed on a message to ${message.topic}: ${String(error)}`);
          message.settle(error instanceof Error ? error : new Error(String(error)));
        }
      }
    },
    setState(next) {
      if (next.connected === state.connected && next.detail === state.detail) return;
      state = next;
      for (const listener of stateListeners) listener(state);
    },
    close() {
      messageListeners.clear();
      stateListeners.clear();
    },
  };
}

/** Makes a `settle` of which only the first call counts, however many listeners a message has. */
export function settleOnce(settle: (error?: Error) => void): (error?: Error) => void {
  let settled = false;
  return (error) => {
    if (settled) return;
    settled = true;
    settle(error);
  };
}
