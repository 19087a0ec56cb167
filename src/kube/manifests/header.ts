import { asObject, asText, type RawObject } from '../objects/json.ts';
import { API_VERSIONS, type ManifestObject } from './read-objects.ts';

/** How an object begins that is given out: without what a server wrote about it, and with the Namespace it lives in. */
export const headerOf = (object: ManifestObject): RawObject => {
  const { namespace: _namespace, ...metadata } = ownMetadata(asObject(object.raw.metadata));
  return {
    apiVersion: asText(object.raw.apiVersion) || API_VERSIONS[object.kind],
    kind: object.kind,
    metadata: { ...metadata, ...(object.namespace === '' ? {} : { namespace: object.namespace }) },
  };
};

/** What a server wrote about an object it stored is left out; another server would refuse or ignore it. */
export const ownMetadata = (metadata: RawObject): RawObject => {
  const {
    resourceVersion: _version,
    uid: _uid,
    selfLink: _link,
    generation: _generation,
    managedFields: _fields,
    ...own
  } = metadata;
  return own;
};
