import type { Clock } from '../../core/clock.ts';
import type { DeviceRegistry } from '../../core/device/ports.ts';
import type { Dispatcher, MethodTable } from '../../core/rpc/types.ts';
import type { Principal } from '../../core/security/types.ts';
import { createCompletion } from './completion.ts';
import { createConfirmation, type Approvals } from './confirmation.ts';
import { createPrompts } from './prompts.ts';
import { createResources, type createResourceAccess } from './resources.ts';
import { createTools } from './tools.ts';
import type { McpSurface } from './types.ts';

/** All that the hub offers over MCP. */
export function createSurface(deps: {
  methods: MethodTable;
  dispatcher: Dispatcher;
  devices: DeviceRegistry;
  access: ReturnType<typeof createResourceAccess>;
  approvals: Approvals | undefined;
  instructions: (principal: Principal) => string;
  clock: Clock;
}): McpSurface {
  const { methods, dispatcher, devices, access, approvals, instructions, clock } = deps;
  const confirmation = createConfirmation(approvals);
  const { argumentsOf, ...prompts } = createPrompts({ methods });
  return {
    capabilities: {
      tools: { listChanged: true },
      resources: { subscribe: true, listChanged: true },
      prompts: { listChanged: true },
      completions: {},
    },
    instructions,
    handlers: {
      ...createTools({ methods, dispatcher, clock, confirmation }),
      ...createResources({ access, devices, dispatcher }),
      ...prompts,
      ...createCompletion({ devices, access, argumentsOf }),
    },
    verifyState: (state, ctx) => confirmation.verifyState(state, ctx),
  };
}
