import assert from 'node:assert/strict';
import { createNameIndex } from '../../../nodes/core/naming/index.ts';
import { createResolver } from '../../../nodes/core/naming/resolver.ts';
import { createVocabulary } from '../../../nodes/core/naming/vocabulary.ts';
import { createDomain } from '../../support/domain.ts';

describe('the resolver among many devices', () => {
  it('finds one of 3,000 by its rarest word, and with a slip in it', async () => {
    const { registry, events, register } = createDomain({ settings: { maxDevices: 3_000 } });
    const rooms = ['Kitchen', 'Office', 'Hall', 'Cellar'];
    for (let n = 0; n < 3_000; n++)
      await register({
        name: `Lamp ${n}`,
        location: rooms[n % 4],
        labels: { owner: `Person${n}` },
      });
    const { device_id } = await registry.update({
      device_id: [...registry.deviceIds()][1_234],
      name: 'Philodendron lamp',
    });
    const resolver = createResolver({ devices: registry, events });
    for (const phrase of ['the philodendron lamp', 'philodendrn lamp', 'Lampe Philodendron'])
      assert.equal(resolver.resolve(phrase).targets[0]?.device_id, device_id, phrase);
    assert.equal(resolver.resolve('lamp 77').targets.length, 1);
    assert.equal(resolver.resolve('all lamps in the hall').targets.length, 750);
    assert.equal(resolver.resolve('lamp in the hall').status, 'ambiguous');
  });

  it('looks at few of many words for one that is misspelt', () => {
    const vocabulary = createVocabulary();
    for (let n = 0; n < 20_000; n++) vocabulary.add(`word${n.toString(26).replace(/\d/g, 'q')}x`);
    vocabulary.add('philodendron');
    let compared = 0;
    const { words, distance } = vocabulary.nearest('philodendrno', () => {
      compared += 1;
      return true;
    });
    assert.deepEqual(words, ['philodendron']);
    assert.equal(distance, 1);
    assert.equal(compared, 1);
  });

  it('forgets what is gone, and closes the gaps', async () => {
    const { registry, register } = createDomain({ settings: { maxDevices: 3_000 } });
    const index = createNameIndex();
    const { device_id } = await register({ name: 'Kept lamp' });
    const device = registry.get(device_id);
    for (let n = 0; n < 2_500; n++) {
      index.put({ ...device, device_id: `other-${n}`, name: `Gone ${n}` }, []);
      if (n === 1_000) index.put(device, []);
    }
    for (let n = 0; n < 2_500; n++) index.remove(`other-${n}`);
    assert.equal(index.size(), 1);
    assert.deepEqual(index.called('gone 7'), []);
    const [entry] = index.called('kept lamp');
    assert.equal(index.idAt(entry!.at), device_id);
    const lights = index.postings('k:light').filter((at) => index.idAt(at) !== undefined);
    assert.deepEqual(lights, [index.placeOf(device_id)]);
    assert.ok(index.postings('k:light').length < 1_100);
  });
});
