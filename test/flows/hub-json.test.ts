import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import type { FlowNode } from '../support/hub-client.ts';

const flow = JSON.parse(
  readFileSync(new URL('../../flows/hub.json', import.meta.url), 'utf8'),
) as (FlowNode & { x: number; y: number; g?: string; w: number; h: number; label?: string })[];
const tabs = flow.filter(({ type }) => type === 'tab');
const byId = new Map(flow.map((node) => [node.id, node]));
const onTab = (tab: FlowNode) => flow.filter(({ z }) => z === tab.id);

/** Wires as straight lines between node centres, which is what a reader's eye follows. */
const wiresOf = (tab: FlowNode) =>
  onTab(tab).flatMap((from) =>
    (from.wires ?? []).flatMap((targets) => targets.map((id) => ({ from, to: byId.get(id)! }))),
  );

type Point = { x: number; y: number };
const side = (a: Point, b: Point, c: Point): number =>
  Math.sign((b.x - a.x) * (c.y - a.y) - (b.y - a.y) * (c.x - a.x));
const crosses = (a: Point, b: Point, c: Point, d: Point): boolean =>
  side(a, b, c) * side(a, b, d) < 0 && side(c, d, a) * side(c, d, b) < 0;

describe('flows/hub.json', () => {
  it('has one tab per concern, in reading order', () => {
    assert.deepEqual(
      tabs.map(({ label }) => label),
      [
        'Start here',
        'Devices join',
        'Telemetry',
        'Commands',
        'Questions',
        'Presence and alerts',
        'Live',
        'Access',
        'Language models',
        'Plans and approvals',
        'Your own',
      ],
    );
  });

  it('serves every method of the protocol, each by an rpc-in of its own', () => {
    const methods = flow
      .filter(({ type }) => type === 'llm-iot-rpc-in')
      .map(({ method }) => method);
    const promised = [
      'device.register',
      'device.heartbeat',
      'device.list',
      'device.get',
      'device.update',
      'device.remove',
      'sensor.discover',
      'sensor.list',
      'telemetry.update',
      'telemetry.latest',
      'data.query',
      'device.execute',
      'device.batch_execute',
      'device.register_method',
      'subscribe',
      'unsubscribe',
      'schema.list',
      'schema.get',
      'schema.register',
      'alert.list',
      'alert.acknowledge',
      'hub.info',
      'hub.health',
      'rpc.methods',
      'rpc.discover',
    ];
    for (const method of promised)
      assert.equal(methods.filter((name) => name === method).length, 1, method);
  });

  for (const tab of tabs) {
    const label = String(tab['label']);

    it(`"${label}" has a comment on top, groups around all nodes, and no crossing wires`, () => {
      const nodes = onTab(tab);
      const comment = nodes.find(({ type }) => type === 'comment');
      assert.ok(comment, 'a comment says what the tab is for');
      assert.ok(
        nodes.every((node) => node === comment || node.type === 'group' || node.y > comment.y),
      );
      for (const node of nodes)
        if (node.type !== 'comment' && node.type !== 'group')
          assert.ok(node.g, `${node.type} ${node.name} is in a group`);

      const wires = wiresOf(tab);
      for (const [index, one] of wires.entries())
        for (const other of wires.slice(index + 1))
          assert.ok(
            !crosses(one.from, one.to, other.from, other.to),
            `${one.from.name || one.from.type} → ${one.to.name || one.to.type} crosses ${other.from.name || other.from.type} → ${other.to.name || other.to.type}`,
          );
    });

    it(`"${label}" reads from left to right, with no two nodes or groups on top of each other`, () => {
      for (const { from, to } of wiresOf(tab))
        assert.ok(from.x < to.x, `${from.type} → ${to.type}`);
      const nodes = onTab(tab).filter(({ type }) => type !== 'group');
      for (const [index, one] of nodes.entries())
        for (const other of nodes.slice(index + 1))
          assert.ok(
            Math.abs(one.x - other.x) >= 180 || Math.abs(one.y - other.y) >= 36,
            `${one.type} "${one.name}" and ${other.type} "${other.name}"`,
          );
      const groups = onTab(tab).filter(({ type }) => type === 'group');
      for (const [index, one] of groups.entries())
        for (const other of groups.slice(index + 1))
          assert.ok(
            one.y + one.h <= other.y || other.y + other.h <= one.y,
            `${one.name} / ${other.name}`,
          );
    });

    it(`"${label}" has nothing unwired that should lead somewhere, and answers every call`, () => {
      for (const node of onTab(tab)) {
        if (node.type !== 'llm-iot-rpc-in') continue;
        const seen = new Set<string>();
        const reach = (id: string): boolean => {
          if (seen.has(id)) return false;
          seen.add(id);
          const next = byId.get(id)!;
          return next.type === 'llm-iot-rpc-out' || (next.wires ?? []).flat().some(reach);
        };
        assert.ok(
          (node.wires ?? []).flat().some(reach),
          `${String(node['method'])} reaches an rpc-out`,
        );
      }
    });
  }

  it('carries no credentials and no addresses of a machine', () => {
    const text = JSON.stringify(flow);
    assert.ok(!text.includes('credentials'));
    assert.ok(!/\d+\.\d+\.\d+\.\d+/.test(text));
  });
});
