// The order counts: the library looks for the metadata API when it is loaded.
import './reflect-metadata.ts';
export * from '@peculiar/x509';
