// The shipped flow with a function of the user's between checking and storing.
/** @typedef {import('./site.mjs').FlowNode} FlowNode */

/** @param {string} code of the function node @returns {(flow: FlowNode[]) => FlowNode[]} */
export const withFunction = (code) => (flow) => {
  const store = flow.find(({ type }) => type === 'llm-iot-telemetry-write');
  if (!store) throw new Error('the flow stores nothing');
  const id = 'torture-function';
  const rewired = flow.map((node) => ({
    ...node,
    ...(node.wires && {
      wires: node.wires.map((/** @type {string[]} */ output) =>
        output.map((target) => (target === store.id ? id : target)),
      ),
    }),
  }));
  const slow = { id, type: 'function', z: store.z, name: 'slow', func: code, outputs: 1 };
  return [
    ...rewired,
    { ...slow, timeout: 0, noerr: 0, libs: [], x: 500, y: 60, wires: [[store.id]] },
  ];
};
