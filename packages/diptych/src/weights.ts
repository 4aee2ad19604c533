export * from '@diptych/weights';
export * from '@diptych/weights/node';
