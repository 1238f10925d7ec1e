import {
  Server,
  ServerCredentials,
  status,
  type ServerWritableStream,
  type ServiceDefinition,
} from '@grpc/grpc-js';
import { arrowMessages, type ArrowMessage } from './arrow-stream.ts';
import { SqlError } from './sql-syntax.ts';
import type { QueryResult } from './tables.ts';

/** A question as the ticket of Flight's DoGet carries it. */
export interface Ticket {
  database: string;
  sql_query: string;
  query_type: string;
  params?: Record<string, unknown>;
}

export type Answer =
  | QueryResult
  /** A code and a message of gRPC. */
  | { code: status; message: string }
  /** Sends some messages, and then what is wrong, if anything is; without an end it never ends. */
  | {
      messages: Iterable<ArrowMessage>;
      failure?: { code: status; message: string };
      endless?: true;
    };

export interface FlightService {
  port: number;
  /** Calls that ended before they were answered. */
  abandoned: () => number;
  close: () => void;
}

type Call = ServerWritableStream<Ticket, ArrowMessage>;

/** Flight's DoGet over gRPC on the loopback, and nothing else of it. */
export async function startFlightService(
  answer: (ticket: Ticket, authorization: string | undefined) => Answer | undefined,
): Promise<FlightService> {
  let abandoned = 0;
  const server = new Server();
  server.addService(definition, {
    DoGet(call: Call) {
      call.on('cancelled', () => (abandoned += 1));
      const [authorization] = call.metadata.get('authorization').map(String);
      let found: Answer | undefined;
      try {
        found = answer(call.request, authorization);
      } catch (error) {
        if (!(error instanceof SqlError)) throw error;
        const message = `Error while planning query: ${error.message}`;
        const isInternal = error.message.startsWith('External');
        found = { code: isInternal ? status.INTERNAL : status.INVALID_ARGUMENT, message };
      }
      if (found) void send(call, found);
    },
  });
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
      error ? reject(error) : resolve(bound),
    ),
  );
  return { port, abandoned: () => abandoned, close: () => server.forceShutdown() };
}

async function send(call: Call, answer: Answer): Promise<void> {
  if ('code' in answer) {
    call.emit('error', answer);
    return;
  }
  const messages = 'messages' in answer ? answer.messages : arrowMessages(answer);
  for (const message of messages) {
    if (call.cancelled) return;
    if (!call.write(message)) await drained(call);
  }
  if (!('messages' in answer)) call.end();
  else if (answer.failure) call.emit('error', answer.failure);
  else if (!answer.endless) call.end();
}

const drained = (call: Call): Promise<void> =>
  new Promise((resolve) => {
    call.once('drain', resolve);
    call.once('cancelled', resolve);
  });

const definition: ServiceDefinition = {
  DoGet: {
    path: '/arrow.flight.protocol.FlightService/DoGet',
    requestStream: false,
    responseStream: true,
    requestDeserialize: parseTicket,
    responseSerialize: flightData,
    requestSerialize: unused,
    responseDeserialize: unused,
  },
};

function unused(): never {
  throw new Error('a server has no use for this');
}

/** `message Ticket { bytes ticket = 1; }`, whose bytes are JSON. */
function parseTicket(bytes: Buffer): Ticket {
  let at = 1;
  let length = 0;
  for (let shift = 0; ; shift += 7) {
    const byte = bytes[at++]!;
    length |= (byte & 0x7f) << shift;
    if (byte < 0x80) break;
  }
  if (bytes[0] !== 0x0a || bytes.length !== at + length) throw new Error('this is no ticket');
  return JSON.parse(bytes.subarray(at).toString()) as Ticket;
}

/** `message FlightData { … bytes data_header = 2; … bytes data_body = 1000; }` */
function flightData({ header, body }: ArrowMessage): Buffer {
  return Buffer.concat([bytesField(2, header), bytesField(1_000, body)]);
}

function bytesField(number: number, bytes: Uint8Array): Buffer {
  return Buffer.concat([varint((number << 3) | 2), varint(bytes.length), bytes]);
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 0x7f; rest >>>= 7) bytes.push((rest & 0x7f) | 0x80);
  return Buffer.from([...bytes, rest]);
}
