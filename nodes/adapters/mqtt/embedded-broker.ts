import type { EventEmitter } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { Aedes, type AuthenticateError, type Client, type PublishPacket } from 'aedes';
import type { Clock } from '../../core/clock.ts';
import type { Log } from '../../core/log.ts';
import { RpcError } from '../../core/rpc/errors.ts';
import { matcherOf, usernameOf, type Authenticate } from '../../core/security/authentication.ts';
import type { ConnectionLimits } from '../../core/security/connection-limits.ts';
import type { CanSee } from '../../core/security/scope-rules.ts';
import { mayPublish, maySubscribe, type OwnerOf } from '../../core/security/topic-acl.ts';
import { atExpiry } from '../../core/security/expiry.ts';
import type { Principal } from '../../core/security/types.ts';
import { filterMatches } from '../../core/topic/filters.ts';
import type { MqttLink } from '../../core/topic/ports.ts';
import { deviceIdOf, parseTopic } from '../../core/topic/topics.ts';
import { channelOf, isReady } from './aedes-delivery.ts';
import {
  guardBroker,
  guardClient,
  type ClientIntake,
  reasonCodes,
  refuseWithReason,
  subscriptionCount,
} from './aedes-guard.ts';
import { brokerInternals, internals } from './aedes-internals.ts';
import { createAudience } from './audience.ts';
import { createInFlight } from './in-flight.ts';
import { createIntake, type Identity, type Publisher } from './aedes-intake.ts';
import { createDeliveryReceipts } from './delivery-receipts.ts';
import { openSessions, type SessionsFile } from './aedes-sessions.ts';
import { defaultBrokerLimits, type BrokerLimits } from './limits.ts';
import { createLinkEvents } from './link-events.ts';
import { openDoor, openSecureDoor, type Door, type SecureDoor } from './doors.ts';
import { createPaces } from './pace.ts';
import { propertiesOf } from './properties.ts';
import type { LeftWill } from './sessions/left-wills.ts';
import { sessionMarker } from './sessions/persistence.ts';
import { sessionSweepMs } from './sessions/restore-sessions.ts';
import { createThrottledWarn } from './throttled-log.ts';

export interface EmbeddedBrokerOptions {
  host: string;
  /** 0 takes a free port; `url` tells which. Undefined serves no MQTT without TLS. */
  port: number | undefined;
  /** Serves MQTT over TLS beside it, or instead. */
  secure?: SecureDoor | undefined;
  /**
   * Who this is, from the password of a CONNECT or the certificate of its connection; the user name must say the same,
   * and may be left out with a certificate. Nobody is anonymous.
   */
  authenticate: Authenticate;
  /** Whether somebody who was let in is still, at the moment the connection is made. */
  stands?: (principal: Principal) => boolean;
  clock: Clock;
  /** The device that a sensor belongs to. */
  ownerOf: OwnerOf;
  /** Whose scope is for some devices only hears nothing without it. */
  canSee?: CanSee;
  /** Keeps sessions and retained messages over the end of the process; without it they end with it. */
  sessions?: SessionsFile;
  limits?: Partial<BrokerLimits>;
  /** How many connections are borne; without it only `limits` bounds them. */
  connections?: ConnectionLimits;
  /** A principal publishes more than it may; told once a second. */
  onSlowed?: (principalId: string) => void;
  /** A publication or subscription that its client is not allowed. */
  onRefused?: (refused: RefusedTopic) => void;
  log: Log;
}

/** What a client was refused, such as `publish <topic>`, and why. */
export interface RefusedTopic {
  principal?: Principal;
  address?: string;
  subject: string;
  reason: string;
}

const closeGraceMs = 500;

/**
 * Starts the hub's own broker: MQTT 3.1.1 and 5 on one port, and on another over TLS. A client's message is acknowledged when the hub has
 * settled it, for every QoS the client's socket is not read on while its messages wait. What is kept for a session or
 * as retained is on disk before it is acknowledged.
 * @throws Error when the port cannot be listened on, or says what is wrong with the file of the sessions
 */
export async function createEmbeddedBroker(options: EmbeddedBrokerOptions): Promise<MqttLink> {
  const { authenticate, clock, ownerOf, canSee, log } = options;
  const limits: BrokerLimits = { ...defaultBrokerLimits, ...options.limits };
  const warn = createThrottledWarn(log);
  const counts = { received: 0, published: 0, refused: 0 };
  const live = new Map<Client, Identity>();
  const identities = new WeakMap<Publisher, Identity>();
  const cleanStarts = new WeakMap<Client, boolean>();
  /** What to call when a client has proved who it is. */
  const proved = new WeakMap<Client, () => void>();
  /** The same by peer, from when its socket is opened. */
  const proving = new Map<string, () => void>();
  const wills = new WeakSet();
  const sockets = new Set<Socket>();
  let closing = false;

  const mayHear = (client: Publisher, topic: string): boolean => {
    const identity = identities.get(client);
    if (!identity || identity.revoked) return false;
    return maySubscribe(identity.principal, topic, client.id, ownerOf, canSee);
  };
  const refuse = (client: Publisher, what: string, subject?: string): void => {
    counts.refused++;
    warn(`MQTT client "${client.id}": ${what}`);
    if (subject === undefined) return;
    const { principal, address } = identities.get(client) ?? {};
    options.onRefused?.({
      ...{ subject, reason: what },
      ...(principal && { principal }),
      ...(address !== undefined && { address }),
    });
  };

  const receipts = createDeliveryReceipts();
  const isDevice = (client: Publisher): boolean =>
    identities.get(client)?.principal.device_id !== undefined;
  const audience = createAudience();
  const sessions = await openSessions({
    file: options.sessions,
    ...{ limits, audience, mayKeep: mayHear, log },
    channel: () => channelOf(broker),
  });
  const broker: Aedes = await Aedes.createBroker({
    persistence: sessions.persistence,
    connectTimeout: limits.connectTimeoutMs,
    drainTimeout: limits.drainTimeoutMs,
    maximumPacketSize: limits.maxPacketBytes,
    sessionExpiryIntervalLimit: limits.sessionExpirySeconds,
    pendingSessionsLimit: limits.maxSessions,
    // What a client sends before its CONNACK; one read of its socket bounds it anyway.
    queueLimit: 10_000,
    concurrency: 0,
    preConnect(client, packet, done) {
      cleanStarts.set(client, packet.clean ?? true);
      if (packet.will) wills.add(packet.will);
      done(null, true);
    },
    authenticate(client, username, password, done) {
      void admit(client, username, password).then(
        () => done(null, true),
        (error: unknown) => {
          counts.refused++;
          warn(`MQTT connection of "${client.id}" refused: ${(error as Error).message}`);
          refuseConnect(client, error, done);
        },
      );
    },
    authorizePublish(client, packet, done) {
      if (!client || closing) done(new Error('published for nobody'));
      else if (wills.has(packet)) intake.takeWill(client, packet, done);
      else intake.takePublish(client, packet, () => done());
    },
    authorizeSubscribe(client, subscription, done) {
      if (subscription.topic === sessionMarker) {
        done(null, null);
        return;
      }
      const allowed =
        mayHear(client, subscription.topic) && subscriptionCount(client) < limits.maxSubscriptions;
      if (!allowed)
        refuse(
          client,
          `may not subscribe to ${subscription.topic}`,
          `subscribe ${subscription.topic}`,
        );
      done(null, allowed ? subscription : null);
    },
    authorizeForward(client, packet) {
      if (!isReady(client) || sessions.isOffered(client, packet)) return null;
      if (!mayHear(client, packet.topic)) {
        sessions.notForwarded(client, packet, 'not_authorized');
        return null;
      }
      if (client.conn.writableLength <= limits.maxBufferedBytes)
        return isDevice(client) ? receipts.forwarded(client, packet) : packet;
      if (packet.qos > 0) client.conn.destroy(new Error('does not read what it subscribed to'));
      sessions.notForwarded(client, packet, 'slow_subscriber');
      return null;
    },
  });
  guardBroker(broker, audience);
  const inFlight = createInFlight({
    messages: limits.maxInFlightMessages,
    bytes: limits.maxInFlightBytes,
    busyMessages: limits.maxBusyInFlightMessages,
  });
  const paces = createPaces(
    {
      messages: limits.maxMessagesPerSecond,
      bytes: limits.maxMessageBytesPerSecond,
      patienceSeconds: limits.maxSlowedSeconds,
    },
    (principalId) => options.onSlowed?.(principalId),
  );
  const intake = createIntake({
    identityOf: (client) => identities.get(client),
    mayPublish: (principal, topic) => mayPublish(principal, topic, ownerOf, canSee),
    ownerOf,
    mayHear,
    tookQos2: sessions.tookQos2,
    keep: sessions.keep,
    mayRetain: sessions.mayRetain,
    refuse,
    isClosing: () => closing,
    inFlight,
    paces,
    audience,
    redeliveryDelayMs: limits.redeliveryDelayMs,
    deliver(message) {
      counts.received++;
      events.deliver(message);
    },
  });
  (broker as EventEmitter).on('error', (error: Error) =>
    log.error(`MQTT broker: ${error.message}`),
  );
  broker.on('clientError', (client, error) => {
    // Who was refused at the door has been counted there.
    if (identities.has(client)) refuse(client, error.message);
    else warn(`MQTT client "${client.id}": ${error.message}`);
  });
  broker.on('connectionError', (_client, error) => warn(`MQTT connection: ${error.message}`));
  broker.on('clientDisconnect', (client) => sessions.release(client));
  broker.on('sessionExpired', (client) => sessions.forget(client.id));
  broker.on('sessionLimitReached', (client, { reason }) => {
    if (reason === 'sessionExpiry') sessions.forget(client.id);
  });

  /** Who a client is by its password or, without one, by the certificate of its connection. */
  async function identify(
    client: Client,
    username: string | undefined,
    password: Buffer | undefined,
    address: string,
  ): Promise<Principal | undefined> {
    const certificate = options.secure?.certificateOf(client.conn);
    const isComplete = password ? username !== undefined : certificate !== undefined;
    // Who shows nothing is nobody, but is heard of.
    if (!isComplete) return authenticate({}, { transport: 'mqtt', address });
    const credentials = {
      ...(username !== undefined && { username }),
      ...(password && { secret: password.toString() }),
      ...(certificate && { certificate }),
    };
    return authenticate(credentials, { transport: 'mqtt', address });
  }

  async function admit(
    client: Client,
    username: string | undefined,
    password: Buffer | undefined,
  ): Promise<void> {
    if (client.id.length > 128 || /[\p{Cc}\ufffd]/u.test(client.id)) {
      throw connectError(2, 'a client id has at most 128 characters and no control characters');
    }
    const address = (client.conn as Socket).remoteAddress ?? '';
    await options.connections?.arrive(address);
    const principal = await identify(client, username, password, address);
    if (!principal || (username !== undefined && usernameOf(principal) !== username))
      throw connectError(4, 'unknown user name or wrong key');
    const leave = await enter(client, principal, address);
    if (!(await sessions.claim(client, principal, cleanStarts.get(client) ?? true))) {
      leave?.();
      throw connectError(2, 'this client id belongs to somebody else');
    }
    if (client.closed || options.stands?.(principal) === false) {
      leave?.();
      sessions.release(client);
      if (client.closed) return;
      throw connectError(4, 'the key has ended');
    }
    const pace = paces.enter(principal.id);
    const identity: Identity = { principal, address, revoked: false, pace };
    identities.set(client, identity);
    live.set(client, identity);
    const forgetExpiry = atExpiry(principal, clock, () => cutOff(client, identity));
    client.conn.once('close', () => {
      forgetExpiry();
      leave?.();
      paces.leave(principal.id);
      live.delete(client);
      // aedes says nothing of a connection that ends before it is made.
      sessions.release(client);
    });
  }

  function enter(
    client: Client,
    principal: Principal,
    address: string,
  ): Promise<() => void> | undefined {
    const other = brokerInternals(broker).clients[client.id];
    const takesOver = other !== undefined && identities.get(other)?.principal.id === principal.id;
    proved.get(client)?.();
    return options.connections?.enter({ principal, address, clientId: client.id, takesOver });
  }

  /** Ends a connection whose client may say and hear nothing more. */
  function cutOff(client: Client, identity: Identity): void {
    identity.revoked = true;
    const { conn } = client;
    client.disconnect({ reasonCode: reasonCodes.administrativeAction }, () => undefined);
    setTimeout(() => conn.destroy(), closeGraceMs).unref();
  }

  /** Publishes a will for a client of an earlier process, as far as its principal may today. */
  function publishLeftWill({ clientId, principal, message }: LeftWill): Promise<void> {
    const client: Publisher = { id: clientId };
    identities.set(client, { principal, revoked: false });
    const will = message as PublishPacket;
    return new Promise((resolve, reject) => {
      const end = (error?: Error | null): void => (error ? reject(error) : resolve());
      intake.takeWill(client, will, (error) => (error ? end(error) : broker.publish(will, end)));
    });
  }

  const socketOptions = { noDelay: true, keepAlive: true, highWaterMark: limits.maxUnreadBytes };
  const clientIntake: ClientIntake = {
    inFlight,
    takePlain: intake.takePlain,
    keepsPace(client, resume) {
      const pace = identities.get(client)?.pace;
      return pace ? paces.mayRead(pace, resume) : 'yes';
    },
  };
  /** A socket was opened, with or without TLS. @returns false when it is one too many, and cut */
  const arrive = (socket: Socket): boolean => {
    const prove = options.connections?.opened(socket.remoteAddress ?? '', 'mqtt');
    const isFull = sockets.size >= limits.maxConnections;
    if (isFull || (options.connections && !prove)) {
      prove?.();
      counts.refused++;
      if (isFull) warn(`MQTT connection refused: ${limits.maxConnections} connections are open`);
      socket.destroy();
      return false;
    }
    sockets.add(socket);
    if (prove) proving.set(peerOf(socket), prove);
    const peer = peerOf(socket);
    socket.once('close', () => {
      prove?.();
      proving.delete(peer);
      sockets.delete(socket);
    });
    return true;
  };
  const serve = (socket: Socket): void => {
    const client = broker.handle(socket);
    const prove = proving.get(peerOf(socket));
    if (prove) proved.set(client, prove);
    guardClient(client, limits, clientIntake);
    internals(client)._parser.prependListener('packet', (packet) =>
      receipts.received(client, packet),
    );
  };
  const doors: Door[] = [];
  try {
    if (options.port !== undefined) {
      const open = (socket: Socket): void => {
        if (arrive(socket)) serve(socket);
      };
      doors.push(
        await openDoor(createServer(socketOptions, open), 'mqtt', options.host, options.port),
      );
    }
    if (options.secure) {
      doors.push(await openSecureDoor(options.secure, { socketOptions, arrive, serve, warn }));
    }
  } catch (error) {
    for (const door of doors) await door.close();
    await new Promise<void>((resolve) => broker.close(resolve));
    await sessions.close();
    throw error;
  }
  for (const { server } of doors)
    server.on('error', (error) => log.error(`MQTT broker: ${error.message}`));
  const urls = doors.map(({ url }) => url);
  const [url = ''] = urls;
  const events = createLinkEvents(
    { connected: true, detail: `listening on ${urls.join(' and ')}` },
    log,
  );
  const sweep = setInterval(() => sessions.sweep(), sessionSweepMs);
  sweep.unref();
  const seconds = setInterval(() => paces.tick(), 1000);
  seconds.unref();
  sessions.start(publishLeftWill);

  return {
    url,
    urls,
    onMessage: events.onMessage,
    onState: events.onState,
    isHeard(topic) {
      const id = deviceIdOf(parseTopic(topic));
      const device = id !== undefined && (ownerOf(id) ?? id);
      return [...live].some(
        ([client, { principal, revoked }]) =>
          !revoked &&
          principal.device_id === device &&
          isReady(client) &&
          Object.keys(internals(client).subscriptions).some((filter) =>
            filterMatches(filter, topic),
          ),
      );
    },
    publish(topic, payload, options = {}) {
      const { qos = 0, retain = false, onDelivered } = options;
      const content = Buffer.from(payload);
      if (onDelivered) receipts.want(content, onDelivered);
      const properties = propertiesOf(options);
      return new Promise((resolve, reject) => {
        broker.publish(
          {
            cmd: 'publish',
            topic,
            payload: content,
            qos,
            retain,
            dup: false,
            ...(Object.keys(properties).length > 0 && { properties }),
          },
          (error) => {
            if (error) {
              reject(error);
              return;
            }
            counts.published++;
            resolve();
          },
        );
      });
    },
    pause: () => inFlight.pause(),
    disconnect(who) {
      const isMeant = matcherOf(who);
      for (const [client, identity] of live) {
        if (isMeant(identity.principal)) cutOff(client, identity);
      }
      if (typeof who !== 'string') return;
      sessions.endAll(who).catch((error: unknown) => log.error(`MQTT sessions: ${String(error)}`));
    },
    stats: () => ({ clients: live.size, ...counts, dropped: sessions.dropped() }),
    async close() {
      if (closing) return;
      closing = true;
      clearInterval(sweep);
      clearInterval(seconds);
      events.setState({ connected: false, detail: 'closed' });
      events.close();
      const closed = Promise.all(doors.map((door) => door.close()));
      const grace = setTimeout(() => sockets.forEach((socket) => socket.destroy()), closeGraceMs);
      await new Promise<void>((resolve) => broker.close(resolve));
      clearTimeout(grace);
      sockets.forEach((socket) => socket.destroy());
      await closed;
      await sessions.close();
    },
  };
}

/** Tells a client why it may not connect; that it shall wait is said as far as its protocol can say it. */
function refuseConnect(
  client: Client,
  error: unknown,
  done: (error: AuthenticateError, isAdmitted: false) => void,
): void {
  if (!(error instanceof RpcError)) {
    done(error as AuthenticateError, false);
    return;
  }
  const isBan = error.details['limit'] === 'banned';
  // Not authorized, or server unavailable: MQTT 3.1.1 knows nothing that fits better.
  const refused = connectError(isBan ? 5 : 3, error.reason) as AuthenticateError;
  const reason = isBan ? reasonCodes.banned : reasonCodes.quotaExceeded;
  if (client.version === 5) refuseWithReason(client, reason, () => done(refused, false));
  else done(refused, false);
}

/** Return codes of MQTT 3.1.1; aedes turns them into those of MQTT 5. */
function connectError(returnCode: 2 | 3 | 4 | 5, text: string): Error {
  return Object.assign(new Error(text), { returnCode });
}

/** Tells a connection from all others. */
const peerOf = ({ remoteAddress, remotePort }: Socket): string => `${remoteAddress} ${remotePort}`;
