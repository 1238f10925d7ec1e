import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { readRecords } from '../../adapters/storage/read-records.ts';
import type { DeviceRecord, SensorRecord } from '../../core/device/types.ts';
import {
  aclFormats,
  brokerAcl,
  type AclDevice,
  type AclFormat,
} from '../../core/security/broker-acl.ts';
import type { Command } from './command.ts';
import { dataDirOf } from './data-dir.ts';

/** The devices of a hub with their sensors, as they are on disk. */
function devicesOf(dataDir: string): AclDevice[] {
  const file = join(dataDir, 'hub.db');
  const sensors = Map.groupBy(readRecords<SensorRecord>(file, 'sensor'), ({ mcu_id }) => mcu_id);
  return readRecords<DeviceRecord>(file, 'device').map(({ device_id }) => ({
    device_id,
    sensor_ids: (sensors.get(device_id) ?? []).map(({ sensor_id }) => sensor_id).sort(),
  }));
}

const command = (format: AclFormat): Command => ({
  words: ['acl', format],
  usage: '[--hub-user NAME] [--out FILE] [--data-dir DIR]',
  summary: `the topic rules of this hub as an ACL file of ${format === 'emqx' ? 'EMQX' : 'Mosquitto'}`,
  async run(args, print) {
    const { values } = parseArgs({
      args: [...args],
      options: {
        'hub-user': { type: 'string', default: 'hub' },
        'data-dir': { type: 'string' },
        out: { type: 'string' },
      },
    });
    const devices = devicesOf(dataDirOf(values['data-dir']));
    const text = brokerAcl(format, { hubUser: values['hub-user'], devices });
    if (values.out === undefined) print(text.trimEnd());
    else await writeFile(values.out, text, { mode: 0o640 });
    return 0;
  },
});

/** `acl mosquitto` and `acl emqx`. */
export const aclCommands: readonly Command[] = aclFormats.map(command);
