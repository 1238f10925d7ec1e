import { connect, type Socket } from 'node:net';
import mqttPacket, { type Packet } from 'mqtt-packet';
import { until } from './until.ts';

/** A client that sends whatever bytes a test wants. */
export interface RawClient {
  socket: Socket;
  packets: Packet[];
  readonly closed: boolean;
  send(packet: Packet): void;
  bytes(data: Uint8Array): void;
  /** Waits for the next packet of a kind that has not been taken yet. */
  next<C extends Packet['cmd']>(cmd: C): Promise<Extract<Packet, { cmd: C }>>;
  end(): void;
}

export function rawClient(
  port: number,
  protocolVersion: 4 | 5 = 4,
  localAddress = '127.0.0.1',
): RawClient {
  const socket = connect({ port, host: '127.0.0.1', localAddress });
  const parser = mqttPacket.parser({ protocolVersion });
  const packets: Packet[] = [];
  let closed = false;
  parser.on('packet', (packet: Packet) => packets.push(packet));
  socket.on('data', (data: Buffer) => parser.parse(data));
  socket.on('error', () => undefined);
  socket.on('close', () => (closed = true));
  return {
    socket,
    packets,
    get closed() {
      return closed;
    },
    send: (packet) => void socket.write(mqttPacket.generate(packet, { protocolVersion })),
    bytes: (data) => void socket.write(data),
    async next(cmd) {
      const at = await until(`a ${cmd} packet`, () => {
        const index = packets.findIndex((packet) => packet.cmd === cmd);
        if (index < 0 && closed) throw new Error(`closed before a ${cmd} packet came`);
        return index < 0 ? undefined : { index };
      });
      return packets.splice(at.index, 1)[0] as never;
    },
    end: () => socket.destroy(),
  };
}

export function connectPacket(
  user: string,
  clientId: string,
  options: { version?: 4 | 5; clean?: boolean; keepalive?: number } = {},
): Packet {
  const { version = 4, clean = true, keepalive = 0 } = options;
  return {
    cmd: 'connect',
    protocolId: 'MQTT',
    protocolVersion: version,
    clientId,
    clean,
    keepalive,
    username: user,
    password: Buffer.from(user),
  };
}

/** Connects as one of the test principals and waits for the CONNACK. */
export async function rawSession(
  port: number,
  user: string,
  clientId: string,
  options: { version?: 4 | 5; clean?: boolean; keepalive?: number } = {},
): Promise<RawClient> {
  const client = rawClient(port, options.version ?? 4);
  client.send(connectPacket(user, clientId, options));
  const connack = await client.next('connack');
  const code = connack.returnCode ?? connack.reasonCode;
  if (code !== 0) throw new Error(`refused with ${String(code)}`);
  return client;
}
