// The layer rules of docs/architecture.md, as something that fails a check.
module.exports = {
  forbidden: [
    {
      name: 'core-is-pure',
      comment:
        'core/ imports only core/ and pure libraries: no I/O, no node:*, no adapter, no node',
      severity: 'error',
      from: { path: '^nodes/core/' },
      to: { pathNot: ['^nodes/core/', '^node_modules/(ajv|ajv-formats|chrono-node)/'] },
    },
    {
      name: 'adapters-know-no-node',
      comment:
        'adapters/ implement ports of the core; they never import a node, the runtime or the editor',
      severity: 'error',
      from: { path: '^nodes/adapters/' },
      to: { path: '^nodes/(?!core/|adapters/)' },
    },
    {
      name: 'one-composition-root',
      comment: 'only hub.ts builds adapters; other nodes reach them through the hub',
      severity: 'error',
      from: { path: '^nodes/(?!hub\\.ts|adapters/|runtime/)' },
      to: { path: '^nodes/adapters/' },
    },
    {
      name: 'no-node-imports-a-node',
      comment: 'nodes talk to each other by messages only',
      severity: 'error',
      from: { path: '^nodes/[^/]+\\.ts$' },
      to: { path: '^nodes/[^/]+\\.ts$' },
    },
    {
      name: 'no-cycles',
      severity: 'error',
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    { name: 'resolvable', severity: 'error', from: {}, to: { couldNotResolve: true } },
    {
      name: 'no-orphans',
      severity: 'error',
      from: {
        orphan: true,
        path: '^nodes/(core|adapters|runtime)/',
        pathNot: ['types\\.ts$', 'ports\\.ts$', 'worker\\.ts$'],
      },
      to: {},
    },
  ],
  options: {
    tsConfig: { fileName: 'tsconfig.json' },
    tsPreCompilationDeps: true,
    doNotFollow: { path: 'node_modules' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'require', 'node', 'default'],
    },
  },
};
