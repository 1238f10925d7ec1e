import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..', '..');
const folder = join(root, 'examples');
const files = readdirSync(folder)
  .filter((file) => file.endsWith('.json'))
  .sort();

interface FlowNode {
  id: string;
  type: string;
  z?: string;
  g?: string;
  x?: number;
  y?: number;
  w?: number;
  h?: number;
  name?: string;
  hub?: string;
  kind?: string;
  nodes?: string[];
  wires?: string[][];
  credentials?: unknown;
}

const parse = (file: string): FlowNode[] =>
  JSON.parse(readFileSync(join(folder, file), 'utf8')) as FlowNode[];

const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
  'node-red': { nodes: Record<string, string> };
};
const ourTypes = Object.keys(manifest['node-red'].nodes).map((name) => `llm-iot-${name}`);
const configTypes = ['llm-iot-hub', 'llm-iot-broker', 'llm-iot-store'];
const coreTypes = [
  'tab',
  'group',
  'comment',
  'inject',
  'debug',
  'function',
  'catch',
  'change',
  'switch',
  'join',
  'link in',
  'link out',
  'http request',
];

/** Node-RED makes a node as wide as its label; this is at least that. */
const widthOf = ({ name = '', type }: FlowNode): number =>
  Math.max(100, 60 + 7.5 * (name || type.replace('llm-iot-', '')).length);
const onCanvas = (node: FlowNode): boolean => node.x !== undefined && node.type !== 'group';

describe('the examples', () => {
  for (const type of ourTypes.filter((name) => !configTypes.includes(name)))
    it(`has one named after ${type} that uses it`, () => {
      const file = files.find((name) => new RegExp(`^\\d\\d-${type.slice(8)}\\.json$`).test(name));
      assert.ok(file);
      assert.ok(parse(file).some((node) => node.type === type));
    });

  for (const file of files)
    describe(file, () => {
      const nodes = parse(file);
      const byId = new Map(nodes.map((node) => [node.id, node]));
      const placed = nodes.filter(onCanvas);

      it('is complete: known types, a comment that explains it, the hub with its broker and store', () => {
        for (const { type } of nodes)
          assert.ok(coreTypes.includes(type) || ourTypes.includes(type), type);
        const own = file.includes('-store-') ? 1 : 0;
        for (const type of ['tab', 'comment', ...configTypes])
          assert.equal(
            nodes.filter((node) => node.type === type).length,
            1 + (type === 'llm-iot-store' ? own : 0),
            type,
          );
        for (const { type, hub } of placed)
          if (ourTypes.includes(type)) assert.equal(byId.get(hub ?? '')?.type, 'llm-iot-hub');
      });

      it('has only wires, groups and references that lead somewhere', () => {
        assert.equal(byId.size, nodes.length, 'ids are unique');
        for (const node of nodes) {
          if (node.z) assert.equal(byId.get(node.z)?.type, 'tab');
          if (node.g) assert.equal(byId.get(node.g)?.type, 'group');
          for (const id of [...(node.wires?.flat() ?? []), ...(node.nodes ?? [])])
            assert.ok(byId.has(id), `${node.id} leads to ${id}`);
        }
      });

      it('carries no credentials', () => {
        assert.ok(nodes.every((node) => node.credentials === undefined));
        assert.doesNotMatch(JSON.stringify(nodes), /"(adminKey|registrationKey|password|token)":/);
      });

      it('reads from left to right, with no node upon another', () => {
        for (const node of placed)
          for (const id of node.wires?.flat() ?? [])
            assert.ok(byId.get(id)!.x! > node.x!, node.name);
        for (const [index, left] of placed.entries())
          for (const right of placed.slice(index + 1)) {
            const apart = (widthOf(left) + widthOf(right)) / 2;
            const overlap =
              Math.abs(left.y! - right.y!) < 40 && Math.abs(left.x! - right.x!) < apart;
            assert.ok(
              !overlap,
              `"${left.name}" (${left.type}) and "${right.name}" (${right.type})`,
            );
          }
      });

      it('has every node of a group inside of it', () => {
        for (const group of nodes.filter((node) => node.type === 'group'))
          for (const node of group.nodes!.map((id) => byId.get(id)!)) {
            assert.equal(node.g, group.id);
            assert.ok(node.y! - 20 > group.y! && node.y! + 20 < group.y! + group.h!);
            assert.ok(node.x! + widthOf(node) / 2 <= group.x! + group.w! + 20);
          }
      });
    });

  it('share the ids of the hub, its broker and its store with one another and with the hub flow', () => {
    const hubFlow = JSON.parse(readFileSync(join(root, 'flows/hub.json'), 'utf8')) as FlowNode[];
    for (const type of configTypes) {
      const [shared] = hubFlow.filter((node) => node.type === type);
      for (const nodes of files.map(parse))
        assert.ok(
          nodes.some(({ id }) => id === shared?.id),
          type,
        );
    }
  });

  it('show every store the store node offers', () => {
    const offered = readFileSync(join(root, 'nodes/store.html'), 'utf8');
    const kinds = [...offered.matchAll(/<option value="(\w+)"/g)].map((match) => match[1]);
    const shown = files.flatMap((file) =>
      parse(file).flatMap((node) => (node.type === 'llm-iot-store' ? node.kind : [])),
    );
    assert.equal(kinds.length, 5);
    for (const kind of kinds) assert.ok(shown.includes(kind), kind);
  });

  it('have ids of their own for everything else', () => {
    const ids = files.flatMap((file) =>
      parse(file)
        .filter(({ type }) => !configTypes.includes(type))
        .map(({ id }) => id),
    );
    assert.equal(new Set(ids).size, ids.length);
  });
});
