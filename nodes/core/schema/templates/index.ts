import type { SensorTemplate } from '../types.ts';
import allegroAcs712 from './allegro-acs712.json' with { type: 'json' };
import amsAs5600 from './ams-as5600.json' with { type: 'json' };
import amsCcs811 from './ams-ccs811.json' with { type: 'json' };
import amsTcs34725 from './ams-tcs34725.json' with { type: 'json' };
import amsTsl2561 from './ams-tsl2561.json' with { type: 'json' };
import amsTsl2591 from './ams-tsl2591.json' with { type: 'json' };
import analogDevicesAdxl345 from './analog-devices-adxl345.json' with { type: 'json' };
import aosongAht20 from './aosong-aht20.json' with { type: 'json' };
import aosongAm2320 from './aosong-am2320.json' with { type: 'json' };
import aosongDht11 from './aosong-dht11.json' with { type: 'json' };
import aosongDht22 from './aosong-dht22.json' with { type: 'json' };
import aviaHx711 from './avia-hx711.json' with { type: 'json' };
import boschBme280 from './bosch-bme280.json' with { type: 'json' };
import boschBme680 from './bosch-bme680.json' with { type: 'json' };
import boschBme688 from './bosch-bme688.json' with { type: 'json' };
import boschBmp280 from './bosch-bmp280.json' with { type: 'json' };
import boschBmp388 from './bosch-bmp388.json' with { type: 'json' };
import boschBmp390 from './bosch-bmp390.json' with { type: 'json' };
import boschBmp580 from './bosch-bmp580.json' with { type: 'json' };
import boschBmp581 from './bosch-bmp581.json' with { type: 'json' };
import boschBno055 from './bosch-bno055.json' with { type: 'json' };
import broadcomApds9960 from './broadcom-apds-9960.json' with { type: 'json' };
import dfrobotSen0193 from './dfrobot-sen0193.json' with { type: 'json' };
import eastronSdm630 from './eastron-sdm630.json' with { type: 'json' };
import genericHcSr04 from './generic-hc-sr04.json' with { type: 'json' };
import genericHcSr501 from './generic-hc-sr501.json' with { type: 'json' };
import honeywellHmc5883l from './honeywell-hmc5883l.json' with { type: 'json' };
import infineonDps310 from './infineon-dps310.json' with { type: 'json' };
import invensenseMpu6050 from './invensense-mpu-6050.json' with { type: 'json' };
import invensenseMpu9250 from './invensense-mpu-9250.json' with { type: 'json' };
import maximDs18b20 from './maxim-ds18b20.json' with { type: 'json' };
import maximMax30102 from './maxim-max30102.json' with { type: 'json' };
import maximMax31855 from './maxim-max31855.json' with { type: 'json' };
import maximMax31865 from './maxim-max31865.json' with { type: 'json' };
import melexisMlx90614 from './melexis-mlx90614.json' with { type: 'json' };
import microchipMcp9808 from './microchip-mcp9808.json' with { type: 'json' };
import nxpLm75a from './nxp-lm75a.json' with { type: 'json' };
import peacefairPzem004t from './peacefair-pzem-004t.json' with { type: 'json' };
import plantowerPms5003 from './plantower-pms5003.json' with { type: 'json' };
import qstQmc5883l from './qst-qmc5883l.json' with { type: 'json' };
import rohmBh1750 from './rohm-bh1750.json' with { type: 'json' };
import sciosenseEns160 from './sciosense-ens160.json' with { type: 'json' };
import sensirionScd30 from './sensirion-scd30.json' with { type: 'json' };
import sensirionScd40 from './sensirion-scd40.json' with { type: 'json' };
import sensirionScd41 from './sensirion-scd41.json' with { type: 'json' };
import sensirionSgp30 from './sensirion-sgp30.json' with { type: 'json' };
import sensirionSgp40 from './sensirion-sgp40.json' with { type: 'json' };
import sensirionSht31 from './sensirion-sht31.json' with { type: 'json' };
import sensirionSht35 from './sensirion-sht35.json' with { type: 'json' };
import sensirionSht40 from './sensirion-sht40.json' with { type: 'json' };
import sensirionSht41 from './sensirion-sht41.json' with { type: 'json' };
import sensirionSht45 from './sensirion-sht45.json' with { type: 'json' };
import sensirionShtc3 from './sensirion-shtc3.json' with { type: 'json' };
import sensirionSps30 from './sensirion-sps30.json' with { type: 'json' };
import silabsSi7021 from './silabs-si7021.json' with { type: 'json' };
import stLis3dh from './st-lis3dh.json' with { type: 'json' };
import stLps22hb from './st-lps22hb.json' with { type: 'json' };
import stLsm6ds3 from './st-lsm6ds3.json' with { type: 'json' };
import stVl53l0x from './st-vl53l0x.json' with { type: 'json' };
import stVl53l1x from './st-vl53l1x.json' with { type: 'json' };
import teHtu21d from './te-htu21d.json' with { type: 'json' };
import teMs5611 from './te-ms5611.json' with { type: 'json' };
import tiAds1115 from './ti-ads1115.json' with { type: 'json' };
import tiHdc1080 from './ti-hdc1080.json' with { type: 'json' };
import tiHdc2080 from './ti-hdc2080.json' with { type: 'json' };
import tiIna219 from './ti-ina219.json' with { type: 'json' };
import tiIna226 from './ti-ina226.json' with { type: 'json' };
import tiIna228 from './ti-ina228.json' with { type: 'json' };
import tiIna260 from './ti-ina260.json' with { type: 'json' };
import tiTmp102 from './ti-tmp102.json' with { type: 'json' };
import tiTmp117 from './ti-tmp117.json' with { type: 'json' };
import vishayVeml7700 from './vishay-veml7700.json' with { type: 'json' };

/**
 * The sensor templates that ship with the hub, each from its datasheet, the most common first: among
 * equally good candidates the earlier one is named first. The data is typed by assertion because a JSON
 * import widens `bus` and `kind` to string; the tests check every file against `templateSchema`.
 */
export const sensorTemplates = [
  boschBme280,
  boschBmp280,
  boschBmp580,
  boschBmp581,
  boschBmp390,
  boschBmp388,
  boschBme680,
  boschBme688,
  sensirionSht31,
  sensirionSht35,
  sensirionSht40,
  sensirionSht41,
  sensirionSht45,
  sensirionShtc3,
  sensirionScd41,
  sensirionScd40,
  sensirionScd30,
  sensirionSgp30,
  sensirionSgp40,
  sensirionSps30,
  maximDs18b20,
  aosongDht22,
  aosongDht11,
  aosongAht20,
  aosongAm2320,
  tiIna219,
  tiHdc1080,
  silabsSi7021,
  teHtu21d,
  tiHdc2080,
  tiIna226,
  tiIna260,
  tiIna228,
  tiAds1115,
  tiTmp117,
  tiTmp102,
  nxpLm75a,
  microchipMcp9808,
  invensenseMpu6050,
  invensenseMpu9250,
  stLsm6ds3,
  analogDevicesAdxl345,
  stLis3dh,
  boschBno055,
  honeywellHmc5883l,
  qstQmc5883l,
  amsAs5600,
  stVl53l0x,
  stVl53l1x,
  genericHcSr04,
  genericHcSr501,
  rohmBh1750,
  amsTsl2591,
  amsTsl2561,
  amsTcs34725,
  vishayVeml7700,
  broadcomApds9960,
  maximMax30102,
  sciosenseEns160,
  amsCcs811,
  melexisMlx90614,
  stLps22hb,
  infineonDps310,
  teMs5611,
  aviaHx711,
  eastronSdm630,
  peacefairPzem004t,
  plantowerPms5003,
  maximMax31865,
  maximMax31855,
  dfrobotSen0193,
  allegroAcs712,
] as unknown as readonly SensorTemplate[];
