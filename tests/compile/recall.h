/* recall.h: what the two precisions of one program are called through. Each returns 0 if a broken pattern came back
   whole. */
int recall_float(void);
int recall_double(void);
int recall_declared(void);
