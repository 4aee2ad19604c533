export type { WheelProgress } from './fetch-wheel.js';
export { type InstalledWheels, installWheels, type WheelInstallOptions } from './install-wheels.js';
export type { WheelRange } from './wheel-files.js';
