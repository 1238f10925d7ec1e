/** A connection whose messages are acknowledged outside of aedes. */
export interface Acknowledgeable {
  /** Writes bytes; false when the socket is full. */
  write(bytes: Buffer): boolean;
  /** Calls back when the socket has drained, or was given up. */
  whenDrained(then: () => void): void;
  /** Reads on, once for each settled message. */
  settled(): void;
  isClosed(): boolean;
}

/**
 * Gathers the PUBACKs of one turn of the event loop into one write per connection: what is stored together is
 * acknowledged together.
 */
export interface Acknowledgements {
  /** The message is settled; `acknowledgement` is the packet that says so, if there is one to send. */
  settle(connection: Acknowledgeable, acknowledgement: Buffer | undefined): void;
  /** Writes what is due of a connection now, before an acknowledgement that goes another way [MQTT-4.6.0-2]. */
  flush(connection: Acknowledgeable): void;
}

interface Waiting {
  packets: Buffer[];
  settled: number;
}

const puback = 0x40;

/** A PUBACK; MQTT 3.1.1 knows no reason, and MQTT 5 leaves it out for success. */
export function pubackPacket(packetId: number, reason?: number): Buffer {
  const packet = Buffer.allocUnsafe(reason === undefined ? 4 : 5);
  packet[0] = puback;
  packet[1] = packet.length - 2;
  packet.writeUInt16BE(packetId, 2);
  if (reason !== undefined) packet[4] = reason;
  return packet;
}

export function createAcknowledgements(): Acknowledgements {
  let waiting = new Map<Acknowledgeable, Waiting>();

  const flushOne = (connection: Acknowledgeable, { packets, settled }: Waiting): void => {
    const readOn = (): void => {
      for (let i = 0; i < settled; i++) connection.settled();
    };
    if (connection.isClosed()) return;
    const [first] = packets;
    if (!first) readOn();
    else if (connection.write(packets.length === 1 ? first : Buffer.concat(packets))) readOn();
    else connection.whenDrained(readOn);
  };
  const flushAll = (): void => {
    const due = waiting;
    waiting = new Map();
    for (const [connection, one] of due) flushOne(connection, one);
  };

  return {
    settle(connection, acknowledgement) {
      if (waiting.size === 0) setImmediate(flushAll);
      let one = waiting.get(connection);
      if (!one) {
        one = { packets: [], settled: 0 };
        waiting.set(connection, one);
      }
      if (acknowledgement) one.packets.push(acknowledgement);
      one.settled += 1;
    },
    flush(connection) {
      const due = waiting.get(connection);
      if (!due) return;
      // Its place is kept: an empty map would have the next one scheduled twice.
      waiting.set(connection, { packets: [], settled: 0 });
      flushOne(connection, due);
    },
  };
}
