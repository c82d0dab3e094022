/* targets.h: reference numbers for the rooms base, structure, sep and net, one block a row, named t<row>_<key>. Computed
   in double by an independent reference; the inputs of every row stand in its comment. Matrices are row by row. F2, V5,
   Y5 are the scores, the cotangent and the loss target of rows T004 to T037. */
#ifndef TARGETS_H
#define TARGETS_H

#include <stdint.h>

static const double F2[5] = {1.0716, -1.1221, -0.3288, 0.3368, 0.0425};
static const double V5[5] = {0.3, -0.7, 1.1, 0.2, -0.5};
static const double Y5[5] = {0.5, 0.1, 0.1, 0.2, 0.1};


/* T001: SplitMix64 seed 0, first three u64 */
static const uint64_t t001_u64[3] = {UINT64_C(0xE220A8397B1DCDAF), UINT64_C(0x6E789E6AA1B965F4),
    UINT64_C(0x06C45D188009454F)};

/* T002: seed 42, first three uniforms */
static const double t002_uni[3] = {0.741564878771823, 0.15991039287692, 0.278601130255139};

/* T003: seed 42 (fresh), first five normals; then seed 42 (fresh), six signs */
static const double t003_normals[5] = {0.882248906222269, 1.38847328528771, -0.45084987571886, 0.670716440902429,
    0.188352634115932};
static const double t003_signs[6] = {1, -1, -1, -1, -1, 1};

/* T004: softmax */
static const double t004_y[5] = {0.455595073574272, 0.0508004096467458, 0.112303431572067, 0.218504021295402,
    0.162797063911513};
static const double t004_omega_y[1] = {-1.38295265805268};
static const double t004_conj[1] = {1.8577508605179};
static const double t004_loss[1] = {0.0361941598528892};
static const double t004_vjp[5] = {0.0515030720490253, -0.045057640881425, 0.102538167274033, 0.00285054176673802,
    -0.111834140208372};

/* T005: entmax alpha=1.3 */
static const double t005_y[5] = {0.587089596576311, 0.004243246780339, 0.0610481690213528, 0.216514769574189,
    0.131104218047808};
static const double t005_omega_y[1] = {-0.677711416436551};
static const double t005_conj[1] = {1.36049674660091};
static const double t005_loss[1] = {0.0773796717555242};
static const double t005_vjp[5] = {0.0652743706509099, -0.0197765242866589, 0.126380483719004, -0.0017936097559362,
    -0.170084720327319};

/* T006: entmax alpha=1.5 */
static const double t006_y[5] = {0.679675236257311, 0, 0.0154316480551959, 0.208871105366912, 0.096022010320581};
static const double t006_omega_y[1] = {-0.416704566436628};
static const double t006_conj[1] = {1.21439934745561};
static const double t006_loss[1] = {0.135898600120037};
static const double t006_vjp[5] = {0.0933356436054714, 0, 0.113443156680463, 0.00603872063701519, -0.21281752092295};

/* T007: sparsemax (alpha=2) */
static const double t007_y[5] = {0.8674, 0, 0, 0.1326, 0};
static const double t007_omega_y[1] = {-0.11501724};
static const double t007_conj[1] = {1.08918276};
static const double t007_loss[1] = {0.28686276};
static const double t007_vjp[5] = {0.05, 0, 0, -0.05, 0};

/* T008: entmax alpha=2.5, theta=0.5*F2 */
static const double t008_y[5] = {0.762999192928613, 0, 0, 0.237000807071387, 0};
static const double t008_omega_y[1] = {-0.123768715980217};
static const double t008_conj[1] = {0.572494619462189};
static const double t008_loss[1] = {0.12910850535476};
static const double t008_vjp[5] = {0.0735118155875589, 0, 0, -0.0735118155875589, 0};

/* T009: entmax alpha=4, theta=0.25*F2 */
static const double t009_y[5] = {0.822625204198531, 0, 0, 0.177374795801469, 0};
static const double t009_omega_y[1] = {-0.0450892263658311};
static const double t009_conj[1] = {0.280405476377101};
static const double t009_loss[1] = {0.0868588097104347};
static const double t009_vjp[5] = {0.141208225207858, 0, 0, -0.141208225207858, 0};

/* T010: entmax alpha=0.5 (dense, heavy tail) */
static const double t010_y[5] = {0.313423391309984, 0.120306871101538, 0.161752854565886, 0.215607035185439,
    0.188909847837153};
static const double t010_omega_y[1] = {-4.83141140707956};
static const double t010_conj[1] = {5.05974035254657};
static const double t010_loss[1] = {0.185405653598496};
static const double t010_vjp[5] = {0.0247000531004388, -0.0358547425783044, 0.0612012079495831, 0.00408134099078784,
    -0.0541278594625054};

/* T011: entmax limits: alpha=1+1e-9 equals softmax to 1e-8; alpha=inf = uniform over exact ties */
static const double t011_near1[5] = {0.455595073960035, 0.0508004094799164, 0.112303431433399, 0.218504021295204,
    0.162797063831445};
static const double t011_inf[3] = {0.5, 0.5, 0};

/* T012: d entmax/d alpha at theta=F2 */
static const double t012_a1_0[5] = {0.385763201833686, -0.166829315721052, -0.138668001171559, -0.000197822753837007,
    -0.0800680621872379};
static const double t012_a1_3[5] = {0.468893312675523, -0.100674901259845, -0.207909464878587, -0.0201594769930371,
    -0.140149469544055};
static const double t012_a1_5[5] = {0.476612374054909, 0, -0.226461908533916, -0.0442110242284818, -0.205939441292512};
static const double t012_a2_0[5] = {0.29514228739425, 0, 0, -0.29514228739425, 0};
static const double t012_a0_5[5] = {0.192992833952338, -0.107617749009622, -0.0659344556983175, 0.0105756323468699,
    -0.0300162615912688};
static const double t012_a1_000001[5] = {0.385763619378638, -0.166829379772005, -0.13866819031146, -0.0001978497766284,
    -0.0800681995185452};

/* T013: normmax gamma=1.5 */
static const double t013_y[5] = {0.936279860757007, 0, 0, 0.0637201392429926, 0};
static const double t013_omega_y[1] = {-0.0526706035878139};
static const double t013_conj[1] = {1.07744904527206};
static const double t013_loss[1] = {0.276505233487822};
static const double t013_vjp[5] = {0.0438402702583705, 0, 0, -0.0438402702583704, 0};

/* T014: normmax gamma=1.5, theta=0.4*F2 */
static const double t014_y[5] = {0.539923767615717, 0, 0.0701155120301862, 0.238321426993972, 0.151639293360124};
static const double t014_omega_y[1] = {-0.295996699941938};
static const double t014_conj[1] = {0.552892562182279};
static const double t014_loss[1] = {0.0293407503980374};
static const double t014_vjp[5] = {0.0929035803010819, 0, 0.392854285916891, -0.0164298450899381, -0.469328021128034};

/* T015: normmax gamma=2 */
static const double t015_y[5] = {0.804055222855872, 0, 0, 0.195944777144128, 0};
static const double t015_omega_y[1] = {-0.172413655808732};
static const double t015_conj[1] = {1.10003343356323};
static const double t015_loss[1] = {0.203398858512465};
static const double t015_vjp[5] = {0.056681318955734, 0, 0, -0.056681318955734, 0};

/* T016: normmax gamma=2, theta=0.4*F2 */
static const double t016_y[5] = {0.423569853074987, 0, 0.116307934487986, 0.26234730396207, 0.197774908474956};
static const double t016_omega_y[1] = {-0.451474724030631};
static const double t016_conj[1] = {0.656442488542678};
static const double t016_loss[1] = {0.0371999134919164};
static const double t016_vjp[5] = {-0.0115771317724933, 0, 0.472013161683705, -0.0429384787026345, -0.417497551208577};

/* T017: normmax gamma=5 */
static const double t017_y[5] = {0.601831278143079, 0, 0, 0.398168721856921, 0};
static const double t017_omega_y[1] = {-0.383631291646383};
static const double t017_conj[1] = {1.16265691482592};
static const double t017_loss[1] = {0.201451930682068};
static const double t017_vjp[5] = {0.0233281104446003, 0, 0, -0.0233281104446003, 0};

/* T018: normmax gamma=5, theta=0.4*F2 */
static const double t018_y[5] = {0.312778495376169, 0, 0.180101094034091, 0.267247347436713, 0.239873063153026};
static const double t018_omega_y[1] = {-0.648832065451724};
static const double t018_conj[1] = {0.799295948542677};
static const double t018_loss[1] = {0.115482964398828};
static const double t018_vjp[5] = {-0.107565365441221, 0, 0.501885592672332, -0.104891392647319, -0.289428834583792};

/* T019: normmax gamma=inf (uniform over top s), gamma=100, gamma=1 (argmax) */
static const double t019_inf[5] = {0.5, 0, 0, 0.5, 0};
static const double t019_g100[5] = {0.504711285445662, 0, 0, 0.495288714554338, 0};
static const double t019_g1[5] = {1, 0, 0, 0, 0};
static const double t019_inf_big[5] = {1, 0, 0, 0, 0};
static const double t019_inf_small[5] = {0.25, 0, 0.25, 0.25, 0.25};

/* T020: d normmax/d gamma at 0.4*F2 */
static const double t020_g2[5] = {-0.125848527518467, 0, 0.0584515864635708, 0.0176555509378356, 0.049741390117061};
static const double t020_g5[5] = {-0.0120130483344841, 0, 0.00918960282037872, -0.001157984686931, 0.0039814302010364};

/* T021: k-subsets k=2, theta=0.7*F2, loss target [1 0 0 1 0] */
static const double t021_y[5] = {1, 0, 0.09139, 0.55731, 0.3513};
static const double t021_omega_y[1] = {0.7211791291};
static const double t021_conj[1] = {0.1497491291};
static const double t021_loss[1] = {0.1638691291};
static const double t021_vjp[5] = {0, 0, 0.833333333333333, -0.0666666666666667, -0.766666666666667};

/* T022: k-subsets k=1,3,4,5 at F2 (k=5=N: all ones); k=2.5 (real budget) */
static const double t022_k1[5] = {0.8674, 0, 0, 0.1326, 0};
static const double t022_k3[5] = {1, 0, 0.321033333333333, 0.986633333333333, 0.692333333333333};
static const double t022_k4[5] = {1, 0.10335, 0.89665, 1, 1};
static const double t022_k5[5] = {1, 1, 1, 1, 1};
static const double t022_k2_5[5] = {1, 0, 0.154366666666667, 0.819966666666667, 0.525666666666667};

/* T023: constrained sparsemax theta=0.5*F2, u=[.3 .3 .6 .25 .6]; loss target [.2 .2 .2 .2 .2] */
static const double t023_y[5] = {0.3, 0, 0.132175, 0.25, 0.317825};
static const double t023_loss[1] = {0.152372730625};
static const double t023_vjp_theta[5] = {0, 0, 0.8, 0, -0.8};
static const double t023_vjp_u[5] = {0, 0, 0, -0.1, 0};

/* T024: constrained sparsemax edge: sum u = 1 exactly -> y = u; u with zeros */
static const double t024_tight[5] = {0.2, 0.2, 0.2, 0.2, 0.2};
static const double t024_zeros[5] = {0, 0, 0.16435, 0.3, 0.53565};

/* T025: double-bounded projection l=[.1 0 .05 0 0], u=[.5 1 1 .3 .7], sum 1 */
static const double t025_y[5] = {0.5, 0, 0.05, 0.3, 0.15};
static const double t025_tau[1] = {-0.1075};

/* T026: hard argmax (first of ties) and hard top-2 */
static const double t026_argmax[4] = {0, 1, 0, 0};
static const double t026_top2[5] = {1, 0, 0, 1, 0};

/* T027: identity (classical), loss target Y5 */
static const double t027_y[5] = {1.0716, -1.1221, -0.3288, 0.3368, 0.0425};
static const double t027_omega_y[1] = {1.31539245};
static const double t027_conj[1] = {1.31539245};
static const double t027_vjp[5] = {0.3, -0.7, 1.1, 0.2, -0.5};

/* T028: its loss */
static const double t028_loss[1] = {1.01307245};

/* T029: signed power r=3 (y = sign|.|^2) */
static const double t029_y[5] = {1.14832656, -1.25910841, -0.10810944, 0.11343424, 0.00180625};
static const double t029_omega_y[1] = {1.81148006005733};
static const double t029_conj[1] = {0.905740030028667};
static const double t029_vjp[5] = {0.64296, -1.57094, 0.72336, 0.13472, -0.0425};

/* T030: FY loss vs Y5 */
static const double t030_loss[1] = {0.801996323027545};

/* T031: exp (Exp-DAM) */
static const double t031_y[5] = {2.92004784085375, 0.32559532599793, 0.719786959744245, 1.4004589439387,
    1.04341605637368};
static const double t031_omega_y[1] = {-3.36617857360117};
static const double t031_conj[1] = {6.4093051269083};
static const double t031_vjp[5] = {0.876014352256125, -0.227916728198551, 0.791765655718669, 0.28009178878774,
    -0.521708028186839};

/* T032: FY loss vs Y5 */
static const double t032_loss[1] = {3.5877484262433};

/* T033: masked: theta_0=-inf */
static const double t033_softmax[5] = {0, 0.0933136479500179, 0.206286582139128, 0.401363049247153, 0.299036720663701};
static const double t033_sparsemax[5] = {0, 0, 0, 0.64715, 0.35285};
static const double t033_e15[5] = {0, 0, 0.150735208063959, 0.519907801287883, 0.329356990648158};
static const double t033_e13[5] = {0, 0.0330348603385244, 0.179647478385046, 0.46970559875538, 0.317612062521049};
static const double t033_nm5[5] = {0, 0, 0.208663393097688, 0.422211185711088, 0.369125421191225};
static const double t033_k2[5] = {0, 0, 0.321033333333333, 0.986633333333333, 0.692333333333333};

/* T034: huge scores 1e6*F2: one-hot; ties [3 3 1] */
static const double t034_sparsemax[5] = {1, 0, 0, 0, 0};
static const double t034_softmax[5] = {1, 0, 0, 0, 0};
static const double t034_tie_sp[3] = {0.5, 0.5, 0};
static const double t034_tie_15[3] = {0.5, 0.5, 0};
static const double t034_tie_n2[3] = {0.5, 0.5, 0};
static const double t034_tie_25[3] = {0.394129437353419, 0.394129437353419, 0.211741125293161};

/* T035: margins: p_1 at theta=[m*(1-1e-6),0,0] and exactly [m,0,0], m = 1/(alpha-1) or 1 */
static const double t035_e1_3[2] = {1, 1};
static const double t035_e1_5[2] = {0.999999999998, 1};
static const double t035_sp[2] = {0.999999333333333, 1};
static const double t035_n5[2] = {0.941195029778346, 1};

/* T036: N=10000, theta = normals(seed 2024): [support, max, sum y^2, sum (i+1)y_i/N] */
static const double t036_softmax[4] = {10000, 0.00170468728602452, 0.000259998580113957, 0.498295693270107};
static const double t036_e13[4] = {298, 0.0569301887912944, 0.0243710422762534, 0.452410424242222};
static const double t036_e15[4] = {36, 0.11039213044909, 0.0579828732250079, 0.431832632019623};
static const double t036_sp[4] = {11, 0.247241777810689, 0.153757430789723, 0.480550798541644};
static const double t036_e4[4] = {2, 0.613266599257212, 0.525658645014588, 0.786741434444948};
static const double t036_nm15[4] = {28, 0.133446818493013, 0.0707309650402352, 0.435290633908192};
static const double t036_nm2[4] = {19, 0.116603537399061, 0.0707140496827303, 0.422720746407557};
static const double t036_nm5[4] = {11, 0.112222504036376, 0.0924425485528345, 0.389911288945317};
static const double t036_k10[4] = {36, 0.662599693488132, 3.96173853391962, 4.28947339774601};

/* T037: same, theta*0.05 (wide supports) */
static const double t037_e13[4] = {9999, 0.000618464179925155, 0.000164129467960663, 0.50020467003983};
static const double t037_e15[4] = {2560, 0.0045165458580226, 0.00128893317229723, 0.491085351032372};
static const double t037_sp[4] = {66, 0.0431434412854878, 0.0244305258958873, 0.451922314782549};
static const double t037_nm5[4] = {144, 0.010301877296701, 0.00749036069520531, 0.474166493991061};
static const double t037_k100[4] = {3059, 0.142167058107453, 5.37683541577214, 49.7070728839166};

/* T038: sequential k-subsets k=2 t=0 rho=1, s=[.9 .2 .5 -.3 .8 .7 -.1], cotangent [.3 -.2 .5 .1 -.4 .6 .2] */
static const double t038_u[7] = {0.675, 0, 0.275, 0, 0.575, 0.475, 0};
static const double t038_edges[6] = {0, 0, 0, 0, 0.0499999999999999, 0};
static const double t038_vjp_s[7] = {0.05, 0, 0.25, 0, -0.65, 0.35, 0};
static const double t038_vjp_t_sum[1] = {-0.3};
static const double t038_loss_top[1] = {0.89375};

/* T039: sequential k-subsets k=2 t=0.4 rho=1, s=[.9 .2 .5 -.3 .8 .7 -.1], cotangent [.3 -.2 .5 .1 -.4 .6 .2] */
static const double t039_u[7] = {0.442857142857143, 0.271428571428572, 0.171428571428571, 0, 0.557142857142857,
    0.557142857142857, 0};
static const double t039_edges[6] = {0.271428571428572, 0, 0, 0, 0.557142857142857, 0};
static const double t039_vjp_s[7] = {0.0714285714285715, -0.314285714285714, 0.385714285714286, 0,
    -0.0714285714285715, -0.0714285714285715, 0};
static const double t039_vjp_t_sum[1] = {-0.385714285714286};
static const double t039_loss_top[1] = {0.745714285714286};

/* T040: sequential k-subsets k=3 t=0.4 rho=1, s=[.9 .2 .5 -.3 .8 .7 -.1], cotangent [.3 -.2 .5 .1 -.4 .6 .2] */
static const double t040_u[7] = {0.8, 0.4, 0.4, 0, 0.6, 0.6, 0.2};
static const double t040_edges[6] = {0.4, 0.4, 0, 0, 0.6, 0.2};
static const double t040_vjp_s[7] = {0.05, 0.025, 0.025, 0, -0.025, -0.025, -0.05};
static const double t040_vjp_t_sum[1] = {-0.025};
static const double t040_loss_top[1] = {0.76};

/* T041: sequential k-subsets k=3 t=-0.5 rho=1, s=[.9 .2 .5 -.3 .8 .7 -.1], cotangent [.3 -.2 .5 .1 -.4 .6 .2] */
static const double t041_u[7] = {0.85, 0.15, 0.775, 0, 0.575, 0.475, 0.175};
static const double t041_edges[6] = {0, 0, 0, 0, 0.05, 0};
static const double t041_vjp_s[7] = {0.25, -0.25, 0.275, 0, -0.625, 0.375, -0.025};
static const double t041_vjp_t_sum[1] = {-0.25};
static const double t041_loss_top[1] = {1.86625};

/* T042: sequential k-subsets k=3 t=0.4 rho=2, s=[.9 .2 .5 -.3 .8 .7 -.1], cotangent [.3 -.2 .5 .1 -.4 .6 .2] */
static const double t042_u[7] = {0.566666666666667, 0.45, 0.45, 0.166666666666667, 0.55, 0.55, 0.266666666666667};
static const double t042_edges[6] = {0.45, 0.45, 0, 0.166666666666667, 0.55, 0.266666666666667};
static const double t042_vjp_s[7] = {0.05, 0.0125, 0.0125, -0.05, -0.0125, -0.0125, 3.46944695195361e-18};
static const double t042_vjp_t_sum[1] = {-0.0375};
static const double t042_loss_top[1] = {1.49666666666667};

/* T043: sequential k-subsets k=2 t=100 rho=1, s=[.9 .2 .5 -.3 .8 .7 -.1], cotangent [.3 -.2 .5 .1 -.4 .6 .2] */
static const double t043_u[7] = {0.399999999999999, 0.399999999999999, 0, 0, 0.600000000000001, 0.600000000000001, 0};
static const double t043_edges[6] = {0.399999999999999, 0, 0, 0, 0.600000000000001, 0};
static const double t043_vjp_s[7] = {-0.025, -0.025, 0, 0, 0.025, 0.025, 0};
static const double t043_vjp_t_sum[1] = {0};
static const double t043_loss_top[1] = {0.720000000000013};

/* T044: MAP oracle k=3, t=0.4 and t=-0.5 (bits) */
static const double t044_t04[7] = {1, 0, 0, 0, 1, 1, 0};
static const double t044_tm05[7] = {1, 0, 1, 0, 1, 0, 0};

/* T045: user factor: 3x3 matchings (projection onto the Birkhoff polytope), S row-major [.9 .1 -.3; .4 .7 .2; -.5
   .6 .8], cotangent [.3 -.2 .5; .1 -.4 .6; .2 .7 -.1] */
static const double t045_u[9] = {0.846666666666667, 0.153333333333333, 0, 0.153333333333333, 0.56, 0.286666666666667,
    0, 0.286666666666667, 0.713333333333333};
static const double t045_vjp[9] = {0.12, -0.12, 0, -0.12, -0.36, 0.48, 0, 0.48, -0.48};

/* T046: N=60, k=6, t=0.3, s=normals(seed 77): [nnz, max, sum u^2, sum (i+1)u_i/N], sum of edges */
static const double t046_dig[4] = {22, 0.808740798068071, 2.8811951829834, 3.42478366774332};
static const double t046_edges[1] = {2.46097609137828};

/* T047: k-subsets by the active set equals the exact projection (max abs difference < 1e-12) */
static const double t047_dig[4] = {19, 0.918484717514432, 3.20576313017388, 3.37817489863182};

/* T057: X and q0 */
static const double t057_x[15] = {-0.0342673217918511, -1.29260853323732, -2.50006749336987, 0.911466586409297,
    0.0877224683148864, -1.08038471202922, -2.02713484795982, -0.295878202126459, 0.22379858243299, -0.788849204152446,
    -0.802410283586594, -0.625814744862693, -1.08206910172522, -0.206972409307048, 0.532942360209959};
static const double t057_q0[3] = {0.928036531483752, 0.574741867834404, -1.32016398622595};

/* T058: softmax / identity (beta 1.3): E_0..E_6, q_6 */
static const double t058_e[7] = {3.69003505369623, 1.68355569573725, 1.23708592500697, 1.23648577049335,
    1.23648571485429, 1.23648571484918, 1.23648571484918};
static const double t058_q6[3] = {-0.0342257544361796, -1.29076288905371, -2.49668491694604};

/* T059: 1.5-entmax / identity (beta 1.3): E_0..E_6, q_6 */
static const double t059_e[7] = {3.26129000356469, 0.965801660496777, 0.566960414871838, 0.566960414871838,
    0.566960414871838, 0.566960414871838, 0.566960414871838};
static const double t059_q6[3] = {-0.0342673217918511, -1.29260853323732, -2.50006749336987};

/* T060: sparsemax / identity (beta 1.3): E_0..E_6, q_6 */
static const double t060_e[7] = {3.10616617938854, 0.633593992211954, 0.307692307692308, 0.307692307692308,
    0.307692307692308, 0.307692307692308, 0.307692307692308};
static const double t060_q6[3] = {-0.0342673217918511, -1.29260853323732, -2.50006749336987};

/* T061: 2-normmax / identity (beta 1.3): E_0..E_6, q_6 */
static const double t061_e[7] = {3.19454575019554, 0.819992465609587, 0.425220311153879, 0.425220311153879,
    0.425220311153879, 0.425220311153879, 0.425220311153879};
static const double t061_q6[3] = {-0.0342673217918511, -1.29260853323732, -2.50006749336987};

/* T062: 5-normmax / identity (beta 1.3): E_0..E_6, q_6 */
static const double t062_e[7] = {3.23078700869439, 1.09007429951903, 0.556964667467506, 0.556964667467506,
    0.556964667467506, 0.556964667467506, 0.556964667467506};
static const double t062_q6[3] = {-0.0342673217918511, -1.29260853323732, -2.50006749336987};

/* T063: 2-subsets / identity (beta 1.3): E_0..E_6, q_6 */
static const double t063_e[7] = {1.04156066503459, -3.09772075520726, -3.09772075520726, -3.09772075520726,
    -3.09772075520726, -3.09772075520726, -3.09772075520726};
static const double t063_q6[3] = {0.877199264617446, -1.20488606492243, -3.58045220539909};

/* T064: sparsemax / l2 r=1.5 (beta 1.3): E_0..E_6, q_6 */
static const double t064_e[7] = {1.94353596379672, 0.129333950308016, 0.0468665524512306, 0.0468665524512306,
    0.0468665524512306, 0.0468665524512306, 0.0468665524512306};
static const double t064_q6[3] = {-0.0182618364666234, -0.688860535781799, -1.33234292416453};

/* T065: softmax / layernorm eta=1 delta=0 eps=0.1 (energy with the eps barrier) (beta 1.3): E_0..E_6, q_6 */
static const double t065_e[7] = {1.88146912955245, 1.71639807342374, 1.71635536820016, 1.71635535881406,
    1.71635535881201, 1.71635535881201, 1.716355358812};
static const double t065_q6[3] = {1.1458387436332, 0.0261861610980985, -1.1720249047313};

/* T066: identity / tanh 0.7 (classical) (beta 1): E_0..E_6, q_6 */
static const double t066_e[7] = {-1.04485154071993, -7.0217550658695, -8.01222538025646, -8.02476898549137,
    -8.02477581979402, -8.02477582166886, -8.02477582166936};
static const double t066_q6[3] = {0.999804568235425, -0.995306144122787, -0.999999975919472};

/* T067: spow r=3 / tanh 0.7 (poly-DAM) (beta 1): E_0..E_6, q_6 */
static const double t067_e[7] = {-0.438723641760841, -16.092420760532, -19.5452714436163, -19.5452715145801,
    -19.5452715145801, -19.5452715145801, -19.5452715145801};
static const double t067_q6[3] = {0.999999941554711, -0.999999999864972, -1};

/* T068: exp / tanh 0.7 (exp-DAM) (beta 1): E_0..E_6, q_6 */
static const double t068_e[7] = {-1.72322342016651, -43.0591431852093, -45.3746350035079, -57.5048774696448,
    -57.5155056224392, -57.5155056224392, -57.5155056224392};
static const double t068_q6[3] = {-1, -1, -1};

/* T069: sum of separations softmax + sparsemax (infimal convolution, 3.3.7), Psi linear A = I/2, raw energies E_0..E_5,
   q_6 */
static const double t069_e[6] = {-2.6718687789638, -7.15421558360028, -7.9236956569987, -7.92388829072323,
    -7.9238882949332, -7.9238882949333};
static const double t069_q6[3] = {-0.0342465991698829, -1.29169016580412, -2.49838435728531};

/* T070: exp-DAM update tanh(.7 X' exp(Xq)), overflow-free: at .5*q0 (equals the direct formula), at 2000*q0 (direct
   formula overflows) */
static const double t070_small[3] = {0.635557479166751, -0.998485966354514, -0.999999951707534};
static const double t070_huge[3] = {-1, -1, -1};

/* T071: Prop 7: q = X' softmax(F2); [E, upper bound] */
static const double t071_softmax[2] = {2.23313686531706, 5.19920343388355};
static const double t071_e15[2] = {1.62705432151931, 4.52813468534454};
static const double t071_sp[2] = {1.36778621433978, 4.26886657816501};
static const double t071_nm2[2] = {1.48531421780135, 4.38639458162658};

/* T072: constants: raw, Eq-20 ('paper') and Eq-6 ('fy') energies at q0, 1.5-entmax, identity, beta 1.3 */
static const double t072_e[3] = {-1.26684468177985, 3.26129000356469, -0.153371753752749};

/* T073: one update, reverse mode, beta=0.6, cotangent [.5 -1 .25]: softmax/identity */
static const double t073_gq[3] = {-0.0106689520201075, -0.107372012160972, -0.161454026942527};
static const double t073_gbeta[1] = {0.235889039584726};
static const double t073_gx[15] = {0.30894384151907, -0.407050599638753, -0.000279384035910601, 0.149043899397099,
    -0.43739391654167, 0.176770582338627, -0.00133798472082979, -0.0329880481949186, 0.0255078697670769,
    0.0365683323671786, -0.0828319251455255, 0.0254003441100209, 0.00678191143748235, -0.0397355104791324,
    0.0226005878201854};

/* T074: one update, reverse mode, beta=0.6, cotangent [.5 -1 .25]: 1.5-entmax/l2 r=1.5 */
static const double t074_gq[3] = {-0.0358206499024827, -0.0522814642970679, -0.0537719536563027};
static const double t074_gbeta[1] = {0.012827630919755};
static const double t074_gx[15] = {0.222213320733882, -0.357732956962145, 0.125875528808833, 0.122243782180364,
    -0.341080495068818, 0.197985790278672, 0, 0, 0, 0, 0, 0, 0, 0, 0};

/* T075: one update, reverse mode, beta=0.6, cotangent [.5 -1 .25]: 3-normmax/layernorm eps 1e-3 */
static const double t075_gq[3] = {-0.0243604664302361, -0.0355549343576829, -0.0365685680047303};
static const double t075_gbeta[1] = {0.00872365725498725};
static const double t075_gx[15] = {0.303652884867156, -0.512295615104985, 0.213346561031283, 0.229905534859878,
    -0.493031869436245, 0.258422503782913, 0, 0, 0, 0, 0, 0, 0, 0, 0};

/* T076: one update, reverse mode, beta=0.2, cotangent [.5 -1 .25]: 2-subsets/tanh .7 */
static const double t076_gq[3] = {0.116099376958359, -0.0483087297177035, -0.212606200774175};
static const double t076_gbeta[1] = {1.80327231529795};
static const double t076_gx[15] = {0.328307463385966, -0.26063507979447, -0.0745760415416056, 0.285297866474646,
    -0.265658443286352, -0.0316752703964289, 0, 0, 0, 0.0762833704538306, -0.109030161942723, 0.0236722931864236,
    -0.0674495201340785, -0.0427969919688478, 0.0968161771376597};

/* T082: Prop 11 is not 'iff': X=[1 0; cos.6 +-sin.6], sparsemax beta=1, l2 r=1: x_1 is a fixed point although Delta_1 <
   m/beta */
static const double t082_delta[1] = {0.174664385090322};
static const double t082_p[3] = {0.449776256726881, 0.275111871636559, 0.275111871636559};
static const double t082_q[2] = {1, 1.00495784506812e-17};

/* T103: causal t=4 with forgetting gamma=.25: p, xi_new, E_t */
static const double t103_p[4] = {0.490649292533549, 0.483747860281172, 0.00143537502481754, 0.0241674721604617};
static const double t103_q[3] = {0.402132583786235, -0.611598830381377, -1.76409326516094};
static const double t103_e[1] = {3.99819055082412};

/* T113: classical synchronous sign(X'X q), 3 steps: overlaps with the patterns */
static const double t113_ov[14] = {12, -2, 0, -8, 12, 8, -12, 0, -4, 4, 18, 8, -8, -10};

#endif
