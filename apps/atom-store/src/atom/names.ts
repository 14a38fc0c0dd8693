export const ATOM = 'http://www.w3.org/2005/Atom'
export const APP = 'http://www.w3.org/2007/app'
export const XML = 'http://www.w3.org/XML/1998/namespace'
export const XMLNS = 'http://www.w3.org/2000/xmlns/'
export const XHTML = 'http://www.w3.org/1999/xhtml'

export const ENTRY_TYPE = 'application/atom+xml;type=entry'
export const FEED_TYPE = 'application/atom+xml;type=feed'
export const SERVICE_TYPE = 'application/atomsvc+xml'
