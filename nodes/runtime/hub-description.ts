import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressOf } from '../adapters/http/client-address.ts';
import type { CertificateOf } from '../adapters/http/credentials.ts';
import {
  createDescriptionEndpoint,
  type Description,
  type DescriptionRequest,
} from '../adapters/http/description-endpoint.ts';
import type { Clock } from '../core/clock.ts';
import { describeAsyncApi } from '../core/description/asyncapi.ts';
import { llmsText } from '../core/description/llms-text.ts';
import { describeOpenRpc, type OpenRpcDocument } from '../core/description/openrpc.ts';
import { describeTools, toolFormats } from '../core/description/tool-formats.ts';
import type { Ids } from '../core/ids.ts';
import { ErrorCode, RpcError } from '../core/rpc/errors.ts';
import { nearest } from '../core/rpc/suggest.ts';
import type { MethodTable } from '../core/rpc/types.ts';
import type { Authenticate } from '../core/security/authentication.ts';
import { createBoundedMap } from '../core/security/bounded-map.ts';
import type { AdmitCall } from '../core/security/call-limits.ts';
import { narrowsDevices } from '../core/security/scope-rules.ts';
import type { Principal } from '../core/security/types.ts';
import type { Streams } from '../core/stream/types.ts';
import type { MqttLink } from '../core/topic/ports.ts';
import type { Gate } from './gate.ts';
import type { Stands } from './hub-authentication.ts';
import { hubVersion } from './hub-version.ts';
import type { HubSettings } from './settings.ts';

/** The hub as it describes itself, always from the methods there are now. */
export interface HubDescription {
  /** `rpc.discover`: what this principal may call, as OpenRPC. */
  discover(principal: Principal | undefined): OpenRpcDocument;
  /** What is served over HTTP, by path. */
  endpoints: ReadonlyMap<string, (req: IncomingMessage, res: ServerResponse) => void>;
  close(): void;
}

/** The table of methods changes often in the course of one deploy. */
const settleMs = 500;
const mostCached = 64;
const mostCachedCharacters = 1_000_000;

export function createHubDescription(deps: {
  methods: MethodTable;
  mqtt: Pick<MqttLink, 'url' | 'urls'>;
  streams: Pick<Streams, 'publishMethods'>;
  settings: Pick<
    HubSettings,
    'baseUrl' | 'rpcPath' | 'wsPath' | 'mcpPath' | 'documentsPath' | 'oauth'
  >;
  authenticate: Authenticate;
  stands: Stands;
  mayTake: AdmitCall;
  gate: Pick<Gate, 'whenOpen'>;
  metadataUrl?: string | undefined;
  addressOf?: AddressOf;
  certificateOf?: CertificateOf | undefined;
  ids: Pick<Ids, 'hash'>;
  clock: Clock;
}): HubDescription {
  const { methods, mqtt, streams, settings, gate, ids, clock } = deps;
  const { baseUrl = 'http://localhost:1880', rpcPath, wsPath, documentsPath, oauth } = settings;
  const url = (oauth?.publicUrl ?? baseUrl) + rpcPath;
  const root = documentsPath ?? '';
  let cache = createBoundedMap<string, string>(mostCached);

  /** Texts are kept until the methods change; what depends on single devices is written anew each time. */
  const cached =
    (name: string, write: Description['write']): Description['write'] =>
    (request) => {
      const { principal, query, host, secure } = request;
      if (principal?.role === 'device' || narrowsDevices(principal?.scope)) return write(request);
      const { role, registration, scope } = principal ?? {};
      const key = JSON.stringify([name, `${query}`, host, secure, role, registration, scope]);
      const known = cache.get(key);
      if (known !== undefined) return known;
      const text = write(request);
      if (key.length + text.length < mostCachedCharacters) cache.set(key, text);
      return text;
    };

  const descriptions: Record<string, Description> = {
    '/tools': {
      type: 'application/json',
      write: ({ principal, query }) => {
        const format = query.get('format') ?? 'anthropic';
        const known = toolFormats.find((name) => name === format);
        if (!known) throw noFormat(format);
        return JSON.stringify(describeTools(methods, principal, known));
      },
    },
    '/asyncapi.json': {
      type: 'application/json',
      write: ({ principal, host, secure }) =>
        principal === undefined
          ? ''
          : JSON.stringify(
              describeAsyncApi(methods, principal, {
                ...{ version: hubVersion, host, secure, wsPath },
                mqttUrls: mqtt.urls ?? [mqtt.url],
              }),
            ),
    },
    '/llms.txt': {
      type: 'text/plain',
      open: true,
      write: ({ principal }: DescriptionRequest) =>
        llmsText(methods, principal, { ...settings, documentsPath: root }),
    },
  };

  /** Tells only of what is different once a deploy is through. */
  let cancel: (() => void) | undefined;
  let revision: string | undefined;
  const revise = async (): Promise<void> => {
    await gate.whenOpen();
    cancel = undefined;
    const next = revisionOf(methods, ids);
    if (revision !== undefined && revision !== next)
      streams.publishMethods({ revision: next }, clock.now());
    revision = next;
  };
  const stopListening = methods.onChange(() => {
    cache = createBoundedMap(mostCached);
    cancel ??= clock.after(settleMs, () => void revise());
  });

  const served = documentsPath === undefined ? [] : Object.entries(descriptions);
  const endpoints = new Map(
    served.map(([name, description]) => [
      root + name,
      createDescriptionEndpoint({
        ...deps,
        path: name,
        description: { ...description, write: cached(name, description.write) },
        whenOpen: () => gate.whenOpen(),
      }),
    ]),
  );

  return {
    discover: (principal) => describeOpenRpc(methods, principal, { version: hubVersion, url }),
    endpoints,
    close() {
      stopListening();
      cancel?.();
    },
  };
}

/** The same for the same methods, also after a restart. */
function revisionOf(methods: MethodTable, ids: Pick<Ids, 'hash'>): string {
  return ids.hash(JSON.stringify(methods.names().map((name) => methods.get(name)))).slice(0, 16);
}

function noFormat(format: string): RpcError {
  const meant = nearest(format, toolFormats);
  return new RpcError(ErrorCode.InvalidParams, 'there is no such format', {
    field: 'format',
    allowed: toolFormats,
    ...(meant !== undefined && { nearest: meant }),
  });
}
